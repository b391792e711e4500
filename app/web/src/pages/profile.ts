import { html } from "lit";
import { Element } from "../element.js";
export class P extends Element { override render() { return html`<h1 tabindex="-1">profile</h1>`; } }
customElements.define("page-profile", P);
