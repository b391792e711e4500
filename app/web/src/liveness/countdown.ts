/** Seconds that a person has to wait, told as they pass. */

import type { ReactiveController, ReactiveControllerHost } from "lit";

export class Countdown implements ReactiveController {
  /** 0 when there is nothing to wait for. */
  leftS = 0;
  private timer = 0;

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostDisconnected(): void {
    this.from(0);
  }

  from(seconds: number): void {
    clearInterval(this.timer);
    this.leftS = Math.ceil(seconds);
    if (this.leftS <= 0) return;
    this.timer = window.setInterval(() => {
      this.leftS -= 1;
      if (this.leftS <= 0) clearInterval(this.timer);
      this.host.requestUpdate();
    }, 1000);
  }
}
