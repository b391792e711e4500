/** The component for other people's pages: one module script, which knows by its own address which server it speaks to. */

import { LivenessElement } from "./element.js";

LivenessElement.server = () => new URL(/* @vite-ignore */ "..", import.meta.url);
