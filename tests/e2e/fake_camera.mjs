// A camera for the browser of the tests: getUserMedia gives a canvas on which somebody sits there, and answers what
// <bonafide-liveness> asks in its `data-step`, as a person does: later than the prompt, and again where it did not help.
//
// It is a stand-in. The pictures are one photo animated in software (camera_people.py), which is a real attack that
// landmarks alone cannot tell from somebody alive; that a check passes with it shows that the way through works, not
// that only people get through.
import { readFileSync } from "node:fs";

/**
 * Gives every page of the context this camera. `camera` may be changed at any time; the next getUserMedia has it so.
 *
 * `person`   file of camera_people.py: who sits there
 * `plays`    "answers"; "rests", without ever answering; "held", one still photo moved about; "dark"; "nobody";
 *            "two", beside the `other` person
 * `other`    file of the second person
 * `refuses`  the name of the DOMException that getUserMedia throws instead: NotAllowedError, NotFoundError, …
 */
export async function fakeCamera(context, camera) {
  const files = new Map();
  const read = file => files.get(file) ?? files.set(file, JSON.parse(readFileSync(file, "utf8"))).get(file);
  await context.exposeFunction("fakeCameraIs", () => {
    const { fps, width, height } = read(camera.person);
    return { plays: "answers", ...camera, fps, width, height };
  });
  // Only what is shown crosses over into the page: an answer is a megabyte.
  await context.exposeFunction("fakeCameraPictures", (who, what) => {
    const person = read(camera[who]);
    return what === "rest" ? person.rest : person.steps[what];
  });
  await context.addInitScript(installed);
  return camera;
}

/** Runs in the page, before its own scripts. */
function installed() {
  const DRAWN_MS = 40;
  const SETTLE_MS = 1200; // the first time people look into the camera before they do anything
  const CALM_MS = 300;
  const AGAIN_MS = 1000;
  const reactionMs = () => 350 + 250 * Math.random();
  const wave = (t, periodS, phase) => Math.sin((2 * Math.PI * t) / (1000 * periodS) + phase);

  if (!navigator.mediaDevices) return; // an insecure origin has no camera, fake or not
  navigator.mediaDevices.getUserMedia = async () => {
    const camera = await window.fakeCameraIs();
    if (camera.refuses) throw new DOMException(`${camera.refuses} of the fake camera`, camera.refuses);
    const canvas = Object.assign(document.createElement("canvas"), { width: camera.width, height: camera.height });
    const film = filming(canvas, camera, performance.now());
    await film();
    const stream = canvas.captureStream(0); // a frame when one is drawn, never the last one again
    const [track] = stream.getVideoTracks();
    const draw = async () => {
      if (track.readyState === "ended") return;
      const began = performance.now();
      await film();
      track.requestFrame();
      setTimeout(draw, Math.max(0, DRAWN_MS - (performance.now() - began)));
    };
    void draw();
    return stream;
  };

  /** Draws what the camera sees now; never twice the same, because no sensor repeats itself. */
  function filming(canvas, camera, began) {
    const pen = canvas.getContext("2d");
    const grain = noise(canvas.width + 64, canvas.height + 64);
    const answer = camera.plays === "answers" ? answering(camera.fps) : async () => null;
    const people = { person: album("person"), other: album("other") };
    const { width, height } = canvas;

    return async () => {
      const t = performance.now() - began;
      const pictures = await seen(t); // all of it first: what is drawn in one go is never filmed half drawn
      const held = camera.plays === "held";
      const reach = held ? 6 : 1; // a hand that holds a photo moves more than a head at rest
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.fillStyle = "#8a8f96";
      pen.fillRect(0, 0, width, height);
      pen.setTransform(1.03, 0, 0, 1.03, reach * wave(t, 3.1, 0) - 0.015 * width, reach * wave(t, 4.3, 1) - 0.015 * height);
      if (pictures.length === 1) pen.drawImage(pictures[0], 0, 0);
      for (const [at, half] of pictures.length === 2 ? pictures.entries() : []) {
        pen.drawImage(half, width / 4, 0, width / 2, height, (at * width) / 2, 0, width / 2, height);
      }
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.drawImage(grain, -Math.floor(64 * Math.random()), -Math.floor(64 * Math.random()));
      if (camera.plays === "dark") {
        pen.fillStyle = "rgb(0 0 0 / 94%)";
        pen.fillRect(0, 0, width, height);
      }
    };

    /** Nobody, one person or two, as they look now. */
    async function seen(t) {
      if (camera.plays === "nobody") return [];
      if (camera.plays === "held") return [await people.person("rest", 0)];
      if (camera.plays === "two") return Promise.all([resting(people.person, t), resting(people.other, t)]);
      return [(await answer(people.person)) ?? (await resting(people.person, t))];
    }

    /** There and back through the pictures of rest: no jump at the end. */
    async function resting(pictures, t) {
      const last = (await pictures.count("rest")) - 1;
      const at = Math.floor((t * camera.fps) / 1000) % (2 * last);
      return pictures("rest", at <= last ? at : 2 * last - at);
    }
  }

  /** The picture of the answer under way, or null while there is none. */
  function answering(fps) {
    let asked = "";
    let isFirst = true;
    let doing = null; // { step, from, until } in ms of performance.now()
    let next = null;

    /** Nobody answers before they have read what is asked, nor before their pictures are here: a camera waits for nothing. */
    const plan = async (step, pictures) => {
      const lengthMs = (1000 * (await pictures.all(step))) / fps;
      if (step !== asked) return;
      const now = performance.now();
      // What is under way ends first.
      const from = Math.max(now + reactionMs(), Math.max(now, doing?.until ?? 0) + CALM_MS) + (isFirst ? SETTLE_MS : 0);
      next = { step, from, until: from + lengthMs };
      isFirst = false;
    };

    return async pictures => {
      const now = performance.now();
      const step = document.querySelector("bonafide-liveness")?.dataset.step ?? "";
      if (step !== asked) {
        asked = step;
        next = null;
        if (doing && (now < doing.from || now >= doing.until)) doing = null; // not under way
        if (step) void plan(step, pictures);
      }
      if (next && now >= (doing?.until ?? now)) [doing, next] = [next, null];
      if (!doing || now < doing.from) return null;
      if (now < doing.until) return pictures(doing.step, Math.floor(((now - doing.from) * fps) / 1000));
      if (asked === doing.step) {
        const length = doing.until - doing.from;
        doing = { step: asked, from: now + AGAIN_MS, until: now + AGAIN_MS + length };
      }
      return null;
    };
  }

  /** A person's pictures, fetched and decoded when they are wanted first. */
  function album(who) {
    const texts = new Map();
    const bitmaps = new Map();
    const fetched = what => texts.get(what) ?? texts.set(what, window.fakeCameraPictures(who, what)).get(what);
    const picture = (what, at) => {
      const key = `${what} ${at}`;
      return bitmaps.get(key) ?? bitmaps.set(key, fetched(what).then(all => decoded(all[at]))).get(key);
    };
    picture.count = async what => (await fetched(what)).length;
    picture.all = async what => (await Promise.all(Array.from(await fetched(what), (_, at) => picture(what, at)))).length;
    return picture;
  }

  function decoded(text) {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  }

  /** Grey grains, nearly transparent. */
  function noise(width, height) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    const pixels = pen.createImageData(width, height);
    const grains = new Uint32Array(pixels.data.buffer);
    for (let at = 0; at < grains.length; at += 1) {
      const grey = Math.floor(256 * Math.random());
      grains[at] = (10 << 24) | (grey << 16) | (grey << 8) | grey;
    }
    pen.putImageData(pixels, 0, 0);
    return canvas;
  }
}
