import type { TemplateResult } from "lit";
import type { Form } from "../form.js";
import { choice } from "./field.js";

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A time zone, the browser's own first. */
export function timezone(form: Form, value: string | null, required = true): TemplateResult {
  const zones = new Set([HERE, ...(value ? [value] : []), ...Intl.supportedValuesOf("timeZone")]);
  return choice(form, {
    name: "timezone", label: "Time zone", value: value ?? (required ? HERE : null), required, ...(required ? {} : { none: "Not told" }),
    options: [...zones].map(zone => [zone, zone.replaceAll("_", " ")] as const),
  });
}
