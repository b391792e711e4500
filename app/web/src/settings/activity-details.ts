/** What else is told of an event, in words: the server tells names and values. */

import { NAMES } from "../parts/providers.js";

export interface Detail {
  readonly name: string;
  readonly value: string;
}

const WAYS: Readonly<Record<string, string>> = {
  password: "by password", code: "by a code", passkey: "by passkey", face: "by face", social: "through a provider", firebase: "through Firebase",
  github: "through GitHub", campus: "at a campus", signup: "", reauthentication: "when asked again who it is", totp: "and a code",
  backup_code: "and a backup code", mailed_code: "and a mailed code",
};

const count = (many: string, one: string, more: string): string => `${many} ${many === "1" ? one : more}`;

/** A word that only programs know, as people read it. */
const plain = (value: string): string => (/^[A-Z0-9_]+$/.test(value) ? value.toLowerCase() : value).replaceAll("_", " ");

/** In the order in which they are told. */
const TOLD: Readonly<Record<string, (value: string) => string>> = {
  method: value => WAYS[value] ?? plain(value),
  by: value => WAYS[value] ?? plain(value),
  second_factor: value => (value === "passkey" ? "and a passkey" : WAYS[value] ?? plain(value)),
  provider: value => NAMES[value] ?? plain(value),
  sessions: value => `${count(value, "session", "sessions")} ended`,
  left: value => `${count(value, "code", "codes")} left`,
  failures: () => "",
  km: value => `${value} km`,
  minutes: value => `in ${count(value, "minute", "minutes")}`,
  from: value => `from ${value}`,
  to: value => `to ${value}`,
  country: value => new Intl.DisplayNames(undefined, { type: "region" }).of(value) ?? value,
  reason: value => (value === "NOT_ME" ? "because you said that it was not you" : plain(value)),
  error: plain,
};

const ORDER = Object.keys(TOLD);

/** The details of an event as one text; empty when they say nothing that its name does not. */
export function inWords(details: readonly Detail[]): string {
  const place = ({ name }: Detail): number => ORDER.indexOf(name);
  const told = ({ name, value }: Detail): string => TOLD[name]?.(value) ?? `${plain(name)}: ${plain(value)}`;
  return [...details].sort((one, other) => place(one) - place(other)).map(told).filter(Boolean).join(", ");
}
