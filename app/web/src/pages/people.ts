import { html } from "lit";
import { Element } from "../element.js";
export class P extends Element { override render() { return html`<h1 tabindex="-1">people</h1>`; } }
customElements.define("page-people", P);
