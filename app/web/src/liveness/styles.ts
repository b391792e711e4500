/** The component's own look, in its shadow tree. A site sets the custom properties --bonafide-*, and `color-scheme`. */

import { css } from "lit";

export const styles = css`
  :host {
    --_ink: var(--bonafide-ink, #1b1f23);
    --_quiet: var(--bonafide-quiet, #57606a);
    --_card: var(--bonafide-card, #ffffff);
    --_line: var(--bonafide-line, #7b838d);
    --_accent: var(--bonafide-accent, #0b6e5f);
    --_on-accent: var(--bonafide-on-accent, #ffffff);
    --_tint: var(--bonafide-tint, #e4f2ef);
    --_radius: var(--bonafide-radius, 0.6rem);
    --_bright: #58e0c5;
    display: block;
    box-sizing: border-box;
    max-width: 26rem;
    margin-inline: auto;
    color: var(--_ink);
    font: inherit;
    line-height: 1.5;
  }
  @supports (color: light-dark(#000, #fff)) {
    :host {
      --_ink: var(--bonafide-ink, light-dark(#1b1f23, #e8eaed));
      --_quiet: var(--bonafide-quiet, light-dark(#57606a, #a3abb4));
      --_card: var(--bonafide-card, light-dark(#ffffff, #1c2024));
      --_line: var(--bonafide-line, light-dark(#7b838d, #848d97));
      --_accent: var(--bonafide-accent, light-dark(#0b6e5f, #58c9b3));
      --_on-accent: var(--bonafide-on-accent, light-dark(#ffffff, #06251f));
      --_tint: var(--bonafide-tint, light-dark(#e4f2ef, #17342f));
    }
  }
  :host([hidden]) { display: none; }
  *, ::before, ::after { box-sizing: border-box; }
  h2 { margin: 0 0 0.5rem; font-size: 1.2rem; line-height: 1.25; text-wrap: balance; }
  p, ul { margin: 0 0 1rem; }
  ul { padding-inline-start: 1.2rem; }
  :focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; border-radius: 0.25rem; }
  h2:focus, .stage:focus { outline: none; }
  .quiet { color: var(--_quiet); font-size: 0.9rem; margin: 0; }
  .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .screen { overflow-wrap: anywhere; }
  .panel { display: grid; justify-items: start; }
  .mark { width: 3.5rem; height: 3.5rem; border-radius: 50%; background: var(--_tint); color: var(--_accent); padding: 0.8rem; margin-bottom: 0.75rem; }
  .mark svg { display: block; width: 100%; height: 100%; }

  button, a.button {
    font: inherit; font-weight: 600; min-height: 2.75rem; padding: 0.5rem 1.1rem; border: 1px solid var(--_line); border-radius: var(--_radius);
    background: transparent; color: var(--_ink); cursor: pointer; text-decoration: none; display: inline-flex; align-items: center; text-align: start;
  }
  button.primary, a.primary { background: var(--_accent); border-color: var(--_accent); color: var(--_on-accent); }
  button[aria-disabled="true"] { background: var(--_tint); border-color: var(--_line); color: var(--_ink); cursor: default; }
  button.link { border: 0; padding-inline: 0; font-size: inherit; font-weight: 400; color: var(--_accent); text-decoration: underline; text-underline-offset: 0.15em; }
  .actions { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center; margin: 0.25rem 0 0.75rem; }

  .stage { position: relative; overflow: hidden; border-radius: var(--_radius); background: #10151a; aspect-ratio: 5 / 6; width: 100%; max-height: max(15rem, 100vh - 15rem); }
  video { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; transform: scaleX(-1); }
  .oval { position: absolute; inset: 0; width: 100%; height: 100%; }
  .shade { fill: rgb(8 12 16 / 62%); }
  .track, .ring { fill: none; stroke: rgb(255 255 255 / 55%); stroke-width: 4; }
  .ring { stroke: var(--_bright); stroke-width: 8; stroke-linecap: round; stroke-dasharray: 1; transition: stroke-dashoffset 160ms linear; }
  .ring[data-empty] { opacity: 0; }
  .wait { position: absolute; inset: 0; display: grid; place-items: center; color: #fff; text-align: center; padding: 1rem; }

  .sign { position: absolute; width: 4.2rem; height: 4.2rem; border-radius: 50%; background: rgb(8 12 16 / 78%); border: 2px solid rgb(88 224 197 / 45%); color: var(--_bright); padding: 0.75rem; transition: opacity 200ms; }
  .sign svg { display: block; width: 100%; height: 100%; overflow: visible; }
  .sign[data-waits] { opacity: 0.35; }
  .stroke { fill: none; stroke: currentColor; stroke-width: 4; stroke-linecap: round; stroke-linejoin: round; }
  .fill { fill: currentColor; }
  [data-sign="LOOK_LEFT"] { left: 0.5rem; top: calc(50% - 2.1rem); animation: left 1.2s ease-in-out infinite; }
  [data-sign="LOOK_RIGHT"] { right: 0.5rem; top: calc(50% - 2.1rem); animation: right 1.2s ease-in-out infinite; }
  [data-sign="LOOK_RIGHT"] svg { transform: rotate(180deg); }
  [data-sign="LOOK_UP"] { left: calc(50% - 2.1rem); top: 0.5rem; animation: up 1.2s ease-in-out infinite; }
  [data-sign="LOOK_UP"] svg { transform: rotate(90deg); }
  [data-sign="LOOK_DOWN"] { left: calc(50% - 2.1rem); bottom: 0.5rem; animation: down 1.2s ease-in-out infinite; }
  [data-sign="LOOK_DOWN"] svg { transform: rotate(-90deg); }
  [data-sign="BLINK"], [data-sign="OPEN_MOUTH"], [data-sign="SMILE"] { right: 0.5rem; bottom: 0.5rem; }
  .lids { transform-origin: 24px 24px; animation: blink 1.6s ease-in-out infinite; }
  .lips { transform-origin: 24px 24px; animation: open 1.6s ease-in-out infinite; }
  .grin { transform-origin: 24px 24px; animation: grin 1.6s ease-in-out infinite; }
  @keyframes left { 50% { transform: translateX(-0.35rem); } 0%, 100% { transform: translateX(0.35rem); } }
  @keyframes right { 50% { transform: translateX(0.35rem); } 0%, 100% { transform: translateX(-0.35rem); } }
  @keyframes up { 50% { transform: translateY(-0.3rem); } 0%, 100% { transform: translateY(0.35rem); } }
  @keyframes down { 50% { transform: translateY(0.3rem); } 0%, 100% { transform: translateY(-0.35rem); } }
  @keyframes blink { 0%, 55%, 100% { transform: scaleY(1); } 70%, 85% { transform: scaleY(0.08); } }
  @keyframes open { 0%, 100% { transform: scaleY(0.15); } 45%, 70% { transform: scaleY(1); } }
  @keyframes grin { 0%, 100% { transform: scaleX(0.6); } 45%, 75% { transform: scaleX(1); } }

  .told { min-height: 3.9rem; padding-top: 0.75rem; text-align: center; }
  .told p { margin: 0; }
  .sentence { font-size: 1.2rem; font-weight: 650; line-height: 1.3; text-wrap: balance; }
  .dots { display: flex; justify-content: center; gap: 0.5rem; list-style: none; padding: 0; margin: 0.75rem 0 0; }
  .dots li { width: 1.4rem; height: 0.5rem; border-radius: 1rem; background: transparent; border: 1px solid var(--_line); }
  .dots li.now { border: 2px solid var(--_accent); }
  .dots li.done { background: var(--_accent); border-color: var(--_accent); }
  .line { text-align: center; min-height: 1.5rem; margin: 0.35rem 0 0; }
  .below { display: flex; flex-wrap: wrap; justify-content: center; gap: 0.25rem 0.75rem; margin-top: 0.25rem; }

  @media (prefers-reduced-motion: reduce) {
    *, ::before, ::after { animation: none !important; transition: none !important; }
  }
`;
