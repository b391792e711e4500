/**
 * `<bonafide-liveness>`: one element that owns the camera and the check.
 *
 * @attr purpose - VERIFY (the default), LOGIN, ENROLL or STEP_UP
 * @attr path - `auto` (the default): this device judges where it can, else the server; `browser` or `stream`: that way
 * @attr endpoint - where the server's paths begin; by default the page's base, in the embedded bundle where that came from
 * @prop api - how to ask the server (LivenessApi); without it plain HTTP to `endpoint` with `accessToken`
 * @prop accessToken - gives the access token of whoever is signed in; not asked for LOGIN
 * @method start - begins an attempt, as the button does
 * @method stop - ends a running attempt and switches the camera off
 *
 * @fires bonafide-started - an attempt has begun: { attempt, path }
 * @fires bonafide-step - a step is asked: { step, index, of }
 * @fires bonafide-result - an attempt ended with a verdict: { success, error, retryAfterS, answer }; `answer` is what
 *   the purpose's own call said (for LOGIN it holds the session, or the `ticket` where the api does not trade it)
 * @fires bonafide-fault - an attempt ended without one: { code, retryAfterS }
 *
 * All events bubble and cross shadow trees. It reflects data-state (idle, starting, checking, comparing, passed, failed,
 * paused), data-step (of the step that is asked) and data-path (of the way taken).
 */

import { html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { carryOut } from "./attempt.js";
import { CheckFault, type LivenessApi, type Outcome, type Purpose, type Step } from "./check.js";
import { Countdown } from "./countdown.js";
import { faultThrown, outcomeOf } from "./faults.js";
import type { Prompt } from "./guidance.js";
import { Guide, until } from "./guide.js";
import { HttpApi } from "./http-api.js";
import type { Action } from "./screens.js";
import { after, type Happening, isLive, type State } from "./states.js";
import { styles } from "./styles.js";
import { type End, endView, idleView, liveView, pausedView, successView } from "./views.js";
import { type Path, Ways } from "./ways.js";

const MOST_ATTEMPTS = 3;
/** These leave the challenge unused, and are no try of the person's. */
const COSTS_NOTHING = new Set(["WASM_BLOCKED", "SOCKET_BLOCKED", "BUSY", "OFFLINE"]);
const HIDDEN_FOR_MS = 10_000;
/** Getting ready takes no longer, unless ten megabytes have to come over a slow line first. */
const LOADING_FOR_MS = 3000;
/** Why a run ends that is no fault: the person stopped it, or begins anew with another challenge. */
const STOPPED = Symbol("stopped");
const ANEW = Symbol("anew");

export class LivenessElement extends LitElement {
  static override readonly styles = styles;
  /** Where the server's paths begin when no attribute says so. */
  static server = (): URL => new URL(document.baseURI);
  /** How many attempts this page has seen since it was loaded, or since one succeeded. */
  private static readonly made = new Map<Purpose, number>();

  @property() purpose: Purpose = "VERIFY";
  @property() path: "auto" | Path = "auto";
  @property() endpoint = "";
  @property({ attribute: false }) api: LivenessApi | null = null;
  @property({ attribute: false }) accessToken: () => Promise<string | null> = () => Promise.resolve(null);

  @state() private state: State = "idle";
  @state() private end: End | null = null;
  @state() private hasPicture = false;
  @state() private isLoading = false;
  /** The way that the person chose, over the page. */
  @state() private chosen: Path | null = null;
  @state() private taken: Path | null = null;
  @query("video") private readonly video!: HTMLVideoElement;

  private readonly wait = new Countdown(this);
  private readonly ways = new Ways();
  private readonly guide = new Guide(() => this.requestUpdate(), prompt => this.asked(prompt), () => this.happen("compared"));
  private readonly excluded = new Set<Step>();
  private run: AbortController | null = null;
  private away = 0;
  private loading = 0;

  /** The server's address, for links and for the HTTP api. */
  get server(): URL {
    const url = this.endpoint ? new URL(this.endpoint, document.baseURI) : LivenessElement.server();
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    return url;
  }

  private get attempts(): number {
    return LivenessElement.made.get(this.purpose) ?? 0;
  }

  private set attempts(made: number) {
    LivenessElement.made.set(this.purpose, made);
  }

  private get wanted(): "auto" | Path {
    return this.chosen ?? this.path;
  }

  /** Begins an attempt, unless one is running or the person has to wait. */
  start(): void {
    if (this.wait.leftS || this.run || after(this.state, "started") !== "starting") return;
    void this.attempt();
  }

  /** Ends a running attempt and switches the camera off. */
  stop(): void {
    this.run?.abort(STOPPED);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("visibilitychange", this.shown);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("visibilitychange", this.shown);
    clearTimeout(this.away);
    this.stop();
  }

  protected override willUpdate(): void {
    const { dataset, taken } = this;
    dataset.state = this.state;
    const step = this.state === "checking" ? this.guide.prompt?.step : null;
    if (step) dataset.step = step;
    else delete dataset.step;
    if (taken) dataset.path = taken;
    else delete dataset.path;
  }

  protected override updated(changed: PropertyValues): void {
    const before = changed.get("state") as State | undefined;
    if (before === undefined || isLive(this.state) === isLive(before)) return;
    // What was pressed is gone: the focus goes on to what took its place, which must be in sight.
    this.renderRoot.querySelector<HTMLElement>("[data-begin]")?.focus({ preventScroll: true });
    this.renderRoot.querySelector("section")?.scrollIntoView({ block: "nearest" });
  }

  protected override render(): TemplateResult {
    return html`${this.view()}<p class="spoken" role="status" aria-live="polite">${this.guide.said}</p>`;
  }

  private view(): TemplateResult {
    const { state: at, purpose, server, act, end, guide } = this;
    const told = { purpose, server, act, waitS: this.wait.leftS };
    if (isLive(at)) {
      const { hasPicture, isLoading, skip, hurry } = this;
      return liveView({ at, guide, hasPicture, isLoading, skip, hurry, stop: () => this.stop() });
    }
    if (at === "passed") return successView(purpose);
    if (at === "paused" && end) return pausedView({ ...told, end });
    if (at === "failed" && end) {
      return endView({ ...told, end, wasSlow: guide.wasSlow, left: MOST_ATTEMPTS - this.attempts, path: this.taken, blocked: this.ways.blocked });
    }
    return idleView({ ...told, wanted: this.wanted });
  }

  private happen(happening: Happening): void {
    this.state = after(this.state, happening);
  }

  private async attempt(): Promise<void> {
    const run = new AbortController();
    this.run = run;
    this.taken = null;
    this.hasPicture = this.isLoading = false;
    this.guide.begin();
    this.happen("started");
    await this.updateComplete; // the <video> is there
    try {
      const outcome = await carryOut({
        video: this.video,
        api: this.api ?? new HttpApi(this.server, this.purpose, () => this.accessToken()),
        ways: this.ways,
        wanted: this.wanted,
        excluded: this.excluded,
        watcher: until(run.signal, this.guide),
        run,
        seen: () => this.seen(),
        began: path => this.began(path),
      });
      this.decided(outcome);
    } catch (thrown) {
      this.fell(thrown);
    } finally {
      clearTimeout(this.loading);
      this.guide.end();
      this.run = null;
    }
    if (run.signal.reason === ANEW && this.isConnected) await this.attempt();
  }

  private seen(): void {
    this.hasPicture = true;
    this.guide.say("The camera is on. Getting ready.");
    if (this.wanted === "stream") return;
    this.loading = window.setTimeout(() => {
      this.isLoading = true;
      this.guide.say("This device loads what it needs to look by itself, once.");
    }, LOADING_FOR_MS);
  }

  private began(path: Path): void {
    clearTimeout(this.loading);
    this.attempts += 1;
    this.taken = path;
    this.tell("bonafide-started", { attempt: this.attempts, path });
  }

  private asked(prompt: Prompt): void {
    this.happen("prompted");
    if (prompt.step) this.tell("bonafide-step", prompt);
  }

  private decided(outcome: Outcome): void {
    if (outcome.success) {
      this.attempts = 0;
      this.happen("succeeded");
    } else this.failed({ code: outcome.error ?? "BROKEN", detail: "" }, outcome.retryAfterS);
    this.tell("bonafide-result", outcome);
  }

  private fell(thrown: unknown): void {
    const outcome = outcomeOf(thrown);
    if (thrown === STOPPED) this.happen("stopped");
    if (thrown === STOPPED || thrown === ANEW) return;
    if (outcome) {
      this.decided(outcome);
      return;
    }
    const { code, retryAfterS, detail } = faultThrown(thrown);
    if (code === "WASM_BLOCKED") this.ways.blocked.add("browser");
    if (code === "SOCKET_BLOCKED") this.ways.blocked.add("stream");
    this.failed({ code, detail }, retryAfterS);
    this.tell("bonafide-fault", { code, retryAfterS });
  }

  private failed(end: End, retryAfterS = 0): void {
    if (COSTS_NOTHING.has(end.code) && this.taken) this.attempts -= 1;
    this.end = end;
    this.wait.from(retryAfterS);
    this.happen(this.attempts >= MOST_ATTEMPTS ? "exhausted" : "failed");
  }

  /** What the buttons of a screen do. */
  private readonly act = (action: Action | "switch"): void => {
    const other = (path: string | null): Path => (path === "stream" ? "browser" : "stream");
    if (action === "switch") {
      this.chosen = other(this.wanted);
      return;
    }
    if (this.wait.leftS) return;
    if (action === "all") this.excluded.clear();
    if (action === "other") this.chosen = other(this.taken ?? this.wanted);
    this.start();
  };

  /** The step that is asked is one that the person cannot do: a new challenge, without it, which is no new try. */
  private readonly skip = (): void => {
    const step = this.guide.prompt?.step;
    if (!step || !this.run) return;
    this.excluded.add(step);
    this.attempts -= 1;
    this.run.abort(ANEW);
  };

  /** Loading takes too long: by way of the server, at once. */
  private readonly hurry = (): void => {
    this.chosen = "stream";
    this.run?.abort(ANEW);
  };

  private readonly shown = (): void => {
    clearTimeout(this.away);
    if (!document.hidden || !this.run) return;
    this.away = window.setTimeout(() => this.run?.abort(new CheckFault("PAGE_HIDDEN")), HIDDEN_FOR_MS);
  };

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

// A page may load the bundle twice, by two addresses.
if (!customElements.get("bonafide-liveness")) customElements.define("bonafide-liveness", LivenessElement);

declare global {
  interface HTMLElementTagNameMap {
    "bonafide-liveness": LivenessElement;
  }
}
