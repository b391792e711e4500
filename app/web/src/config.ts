/** What the operator decided, as far as a page must know it. */

import { href } from "./router.js";
import { Refusal } from "./refusals.js";

export interface Provider {
  readonly provider: string;
  readonly name: string;
  /** `server`: our own server sends the browser on and takes it back. `id_token`: the page adds who it is and reads the token. */
  readonly kind: "server" | "id_token";
  readonly url: string;
}

export interface Config {
  readonly providers: readonly Provider[];
  readonly faceLogin: "off" | "second_factor" | "standalone";
  readonly passwordMinLength: number;
  readonly handle: { readonly pattern: string; readonly campusPattern: string };
  readonly maxPhotoBytes: number;
  /** Where the letters can be read, in development on one machine. */
  readonly outbox: string | null;
}

let asked: Promise<Config> | null = null;

/** The configuration, fetched once; throws a Refusal when nobody answered. */
export function config(): Promise<Config> {
  asked ??= load().catch((error: unknown) => {
    asked = null;
    throw error;
  });
  return asked;
}

async function load(): Promise<Config> {
  try {
    const answer = await fetch(href("/client/config"));
    if (answer.ok) return (await answer.json()) as Config;
  } catch {
    // Said below, as any other answer that is none.
  }
  throw new Refusal({ code: "OFFLINE" });
}
