import { html, type TemplateResult } from "lit";
import { announce } from "../element.js";

/** Backup codes, shown this once: to copy, print or keep as a file. */
export const backupCodes = (codes: readonly string[]): TemplateResult => html`
  <h3>Backup codes</h3>
  <p>Each works once in place of the app, when the phone is lost. They are shown <strong>only now</strong>: keep them where you find them without it.</p>
  <ul class="codes">${codes.map(code => html`<li>${code}</li>`)}</ul>
  <p class="row">
    <button type="button" @click=${() => void copy(codes)}>Copy</button>
    <button type="button" @click=${() => print()}>Print</button>
    <button type="button" @click=${() => save(codes)}>Save as a file</button>
  </p>`;

async function copy(codes: readonly string[]): Promise<void> {
  try {
    await navigator.clipboard.writeText(codes.join("\n"));
    announce("Copied.");
  } catch {
    announce("This browser does not let a page copy. Mark the codes and copy them yourself, or print them.");
  }
}

function save(codes: readonly string[]): void {
  download("bonafide-backup-codes.txt", `${codes.join("\n")}\n`, "text/plain");
}

/** Hands a text to the browser as a file to keep. */
export function download(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
