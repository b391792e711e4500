/** Where the component stands, and what moves it on: this table is the whole machine. */

export type State = "idle" | "starting" | "checking" | "comparing" | "passed" | "failed" | "paused";

export type Happening = "started" | "prompted" | "compared" | "succeeded" | "failed" | "exhausted" | "stopped";

const NEXT: Readonly<Record<State, Partial<Record<Happening, State>>>> = {
  idle: { started: "starting" },
  starting: {
    started: "starting", // the other way was wanted
    prompted: "checking",
    succeeded: "passed",
    failed: "failed",
    exhausted: "paused",
    stopped: "idle",
  },
  checking: {
    started: "starting", // a step was excluded: another challenge
    prompted: "checking",
    compared: "comparing",
    succeeded: "passed",
    failed: "failed",
    exhausted: "paused",
    stopped: "idle",
  },
  comparing: { succeeded: "passed", failed: "failed", exhausted: "paused", stopped: "idle" },
  failed: { started: "starting", stopped: "idle" },
  passed: { stopped: "idle" },
  paused: {}, // until the page is loaded anew
};

/** The state after `happening`; the same one where it means nothing, as what comes late does. */
export const after = (state: State, happening: Happening): State => NEXT[state][happening] ?? state;

/** Whether the camera is on. */
export const isLive = (state: State): boolean => state === "starting" || state === "checking" || state === "comparing";
