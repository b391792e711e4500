/** Follows a running check for whoever looks at it or listens: what is asked, how far it is, and what is said aloud. */

import type { Hint, Watcher } from "./check.js";
import { Patience, type Prompt } from "./guidance.js";

export type Connection = Parameters<Watcher["connected"]>[0];

export class Guide implements Watcher {
  prompt: Prompt | null = null;
  hint: Hint = "OK";
  progress = 0;
  connection: Connection | null = null;
  /** Whether the connection was slow at any time of the attempt. */
  wasSlow = false;
  /** What the live region says. */
  said = "";
  private readonly patience = new Patience(hint => this.change({ hint }), said => this.change({ said }));

  /** `changed` is called for whatever is to be drawn anew, the others for what moves the machine on. */
  constructor(
    private readonly changed: () => void,
    private readonly asked: (prompt: Prompt) => void,
    private readonly compared: () => void,
  ) {}

  prompted(prompt: Prompt): void {
    this.change({ prompt, progress: 0, hint: "OK" });
    this.patience.prompt(prompt);
    this.asked(prompt);
  }

  judged({ hint, progress }: { readonly hint: Hint; readonly progress: number }): void {
    if (progress !== this.progress) this.change({ progress });
    this.patience.hint(hint);
  }

  passed(): void {
    this.change({ progress: 1 });
  }

  comparing(): void {
    this.patience.clear();
    this.change({ said: "All steps are done. Your face is being compared." });
    this.compared();
  }

  connected(connection: Connection): void {
    this.change({ connection, wasSlow: this.wasSlow || connection === "slow" });
  }

  /** Says something that is not of the check itself. */
  say(said: string): void {
    this.change({ said });
  }

  /** Begins with a clean slate. */
  begin(): void {
    this.end();
    this.change({ prompt: null, hint: "OK", progress: 0, connection: null, wasSlow: false });
  }

  /** Falls silent; what was seen stays for whoever tells how it went. */
  end(): void {
    this.patience.clear();
    this.change({ said: "" });
  }

  private change(to: Partial<Pick<Guide, "prompt" | "hint" | "progress" | "connection" | "wasSlow" | "said">>): void {
    Object.assign(this, to);
    this.changed();
  }
}

/** The same watcher, deaf once the attempt is over: what comes late is no news. */
export function until(signal: AbortSignal, watcher: Watcher): Watcher {
  const unlessOver = <T extends unknown[]>(act: (...told: T) => void) => (...told: T): void => {
    if (!signal.aborted) act(...told);
  };
  return {
    prompted: unlessOver(prompt => watcher.prompted(prompt)),
    judged: unlessOver(frame => watcher.judged(frame)),
    passed: unlessOver(index => watcher.passed(index)),
    comparing: unlessOver(() => watcher.comparing()),
    connected: unlessOver(state => watcher.connected(state)),
  };
}
