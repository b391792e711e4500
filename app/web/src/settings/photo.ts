import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, setAccount } from "../account.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { CommitAvatar, PresignAvatar } from "../generated/profile.js";
import { ask } from "../graphql.js";
import { avatar } from "../parts/badge.js";
import { Crop } from "../parts/crop.js";
import { FINDINGS } from "../parts/findings.js";
import { upload } from "../parts/upload.js";

const TYPES = "image/jpeg,image/png,image/webp";
const CANVAS_PX = 576;

export class PhotoSettings extends Element {
  @state() private crop: Crop | null = null;
  @state() private progress: number | null = null;
  private readonly form = new Form(this);
  private dragged: { x: number; y: number } | null = null;

  constructor() {
    super();
    new FollowsAccount(this);
  }

  protected override updated(): void {
    const canvas = this.querySelector("canvas");
    if (canvas && this.crop) this.crop.draw(canvas);
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    return html`<section class="card">
      <h2 tabindex="-1">Photo</h2>
      <div class="person">${avatar(me, me.avatarMedium, "large")}
        <p>One that shows your face from the front, if you want the Verified badge: your live face is compared with it.
          ${me.verifiedAt ? html`<strong>A new photo takes your badge away</strong> until you earn it again.` : nothing}</p></div>
      ${me.faceFindings.map(finding => html`<p class="fault">${FINDINGS[finding]}</p>`)}
      <form novalidate @submit=${this.form.sends(() => this.save())}>
        ${this.form.notice()}
        <div class="field">
          <label for="photo">Choose a picture</label>
          <p class="hint" id="photo-hint">JPEG, PNG or WebP. It is cut to a square; where and when it was taken is not sent.</p>
          <input id="photo" type="file" accept=${TYPES} aria-describedby="photo-hint" @change=${this.chosen}>
        </div>
        ${this.crop ? this.cutting(this.crop) : nothing}
      </form>
    </section>`;
  }

  private cutting(crop: Crop): TemplateResult {
    return html`<div class="cropper">
        <canvas width=${CANVAS_PX} height=${CANVAS_PX} tabindex="0" role="img"
          aria-label="The part of the picture that is used. Move it with the arrow keys, plus and minus change its size."
          @pointerdown=${this.grab} @pointermove=${this.drag} @pointerup=${this.release} @pointercancel=${this.release} @keydown=${this.key}></canvas>
        <p class="hint">Drag the picture to where it fits.</p>
        <label>Size <input type="range" min="1" max="4" step="0.01" .value=${String(crop.zoom)} @input=${(event: Event) => {
          crop.zoomTo(Number((event.target as HTMLInputElement).value));
          this.requestUpdate();
        }}></label>
      </div>
      ${this.progress === null
        ? nothing
        : html`<label class="field">Uploading <progress max="1" .value=${this.progress}></progress></label>`}
      ${this.form.button("Use this photo")}`;
  }

  private readonly chosen = async (event: Event): Promise<void> => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (!file) return;
    this.form.message = "";
    try {
      this.crop = new Crop(await createImageBitmap(file));
    } catch {
      this.crop = null;
      this.requestUpdate();
      this.form.message = "This file is not a picture that can be read. Choose a JPEG, PNG or WebP.";
    }
  };

  private readonly grab = (event: PointerEvent): void => {
    (event.target as Element).setPointerCapture(event.pointerId);
    this.dragged = { x: event.clientX, y: event.clientY };
  };

  private readonly drag = (event: PointerEvent): void => {
    if (!this.dragged) return;
    const { clientWidth } = event.target as Element;
    this.crop?.move((event.clientX - this.dragged.x) / clientWidth, (event.clientY - this.dragged.y) / clientWidth);
    this.dragged = { x: event.clientX, y: event.clientY };
    this.requestUpdate();
  };

  private readonly release = (): void => {
    this.dragged = null;
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (!this.crop?.key(event.key)) return;
    event.preventDefault();
    this.requestUpdate();
  };

  private async save(): Promise<void> {
    if (!this.crop) return;
    const file = await this.crop.file();
    this.progress = 0;
    try {
      const { presignAvatar } = await ask(PresignAvatar, { mime: file.type, bytes: file.size });
      await upload(file, presignAvatar, part => { this.progress = part; });
      const { commitAvatar } = await ask(CommitAvatar, { key: presignAvatar.key });
      setAccount(commitAvatar);
      this.crop = null;
      announce(commitAvatar.faceFindings.length ? "Saved. Something about the photo stands in the way of a badge; see above." : "Saved. This is your photo now.");
    } finally {
      this.progress = null;
    }
  }
}
customElements.define("settings-photo", PhotoSettings);
