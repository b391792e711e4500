import { LitElement } from "lit";

/** An element in the page's own tree: one style sheet, labels that reach their fields, password managers that see them. */
export abstract class Element extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}

/** Says something in words to everybody, also to those who cannot see the page. */
export function announce(text: string): void {
  dispatchEvent(new CustomEvent("bonafide-announce", { detail: text }));
}
