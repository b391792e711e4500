/**
 * MediaPipe's FaceMesh in the browser: five megabytes of our own files, loaded when a check starts and not before.
 *
 * The package loads its parts by <script>, from where `locateFile` says. Trusted Types let a page's script choose such
 * an address only through a policy, and ours knows no address but those of the files below.
 */

import graph from "@mediapipe/face_mesh/face_mesh.binarypb?url";
import bundle from "@mediapipe/face_mesh/face_mesh.js?url";
import models from "@mediapipe/face_mesh/face_mesh_solution_packed_assets.data?url";
import modelsLoader from "@mediapipe/face_mesh/face_mesh_solution_packed_assets_loader.js?url";
import simdWasm from "@mediapipe/face_mesh/face_mesh_solution_simd_wasm_bin.wasm?url";
import plainWasm from "@mediapipe/face_mesh/face_mesh_solution_wasm_bin.wasm?url";
import simd from "../generated/face-mesh/face_mesh_solution_simd_wasm_bin.js?url";
import plain from "../generated/face-mesh/face_mesh_solution_wasm_bin.js?url";
import { CheckFault } from "./check.js";
import type { FaceMesh } from "./measures.js";

/** The name of the policy in the Content-Security-Policy's `trusted-types` (app/edge/web_policy.py). */
const POLICY = "bonafide-face-mesh";
const LOADED_WITHIN_MS = 60_000;
/**
 * Two faces, so that a second one is told. Inference runs on the processor (XNNPACK, with SIMD where there is it): the
 * same landmarks within 0.1 pixels, the first picture read after 1 s where WebGL's programs took 16 s to build, and
 * without a graphics card 16 ms for a picture instead of 500.
 */
const OPTIONS = { maxNumFaces: 2, refineLandmarks: true, useCpuInference: true };
const FILES: Readonly<Record<string, string>> = {
  "face_mesh.binarypb": graph,
  "face_mesh_solution_packed_assets.data": models,
  "face_mesh_solution_packed_assets_loader.js": modelsLoader,
  "face_mesh_solution_simd_wasm_bin.wasm": simdWasm,
  "face_mesh_solution_wasm_bin.wasm": plainWasm,
  "face_mesh_solution_simd_wasm_bin.js": simd,
  "face_mesh_solution_wasm_bin.js": plain,
};
const SCRIPTS: ReadonlySet<string> = new Set([bundle, modelsLoader, simd, plain]);

/** Finds faces in pictures, one after another, and follows them. */
export interface FaceReader {
  /** The faces in the picture; nobody else asks meanwhile. */
  read(picture: HTMLCanvasElement): Promise<readonly FaceMesh[]>;
  /** Forgets the face that was followed. */
  reset(): Promise<void>;
}

/** The reader of this page; an engine takes a hundred megabytes that a page does not get back, so there is only one. */
let reader: Promise<FaceReader> | null = null;

/** Loads the reader, or gives back the one that is there. Throws CheckFault(WASM_BLOCKED) where it cannot run. */
export function loadFaceMesh(): Promise<FaceReader> {
  reader ??= loaded().catch((error: unknown) => {
    reader = null;
    console.warn("FaceMesh cannot run here:", error);
    throw new CheckFault("WASM_BLOCKED");
  });
  return reader;
}

/** The size of a picture that shows nobody. */
const EMPTY = { width: 320, height: 240 };

type Point = { readonly x: number; readonly y: number; readonly z: number };
interface Results {
  readonly multiFaceLandmarks?: readonly (readonly Point[])[];
}
/** What is used of the package's class. */
interface Engine {
  setOptions(options: Readonly<Record<string, unknown>>): void;
  onResults(listener: (results: Results) => void): void;
  initialize(): Promise<void>;
  send(inputs: { readonly image: HTMLCanvasElement }): Promise<void>;
}
type Globals = typeof globalThis & {
  FaceMesh?: new (config: { locateFile(name: string): string }) => Engine;
  createMediapipeSolutionsPackedAssets?: Record<string, unknown>;
};

async function loaded(): Promise<FaceReader> {
  demandWhatItNeeds();
  const globals = globalThis as Globals;
  const trusted = trustedScripts();
  // The models by ourselves: the package's own loader throws where nobody can catch it.
  const [modelBytes] = await Promise.all([bytes(models), script(trusted.createScriptURL(bundle))]);
  return new Promise((resolve, reject) => {
    const engine = new globals.FaceMesh!({
      locateFile: name => {
        // Asked for the first script, the package has just made the object that its parts read their settings from.
        Object.assign(globals.createMediapipeSolutionsPackedAssets ?? {}, {
          getPreloadedPackage: () => modelBytes,
          print: () => {},
          printErr: () => {}, // it logs its settings as warnings
          onAbort: (why: unknown) => reject(new Error(`FaceMesh aborted: ${String(why)}`)),
        });
        const file = FILES[name];
        if (file === undefined) throw new Error(`FaceMesh asks for ${name}, which it has never needed`);
        return (SCRIPTS.has(file) ? trusted.createScriptURL(file) : file) as string;
      },
    });
    engine.setOptions(OPTIONS);
    setTimeout(() => reject(new Error("FaceMesh did not load in time")), LOADED_WITHIN_MS);
    engine.initialize().then(() => resolve(new EngineReader(engine)), reject);
  });
}

class EngineReader implements FaceReader {
  private results: Results = {};

  constructor(private readonly engine: Engine) {
    engine.onResults(results => (this.results = results));
  }

  async read(picture: HTMLCanvasElement): Promise<readonly FaceMesh[]> {
    this.results = {};
    await this.engine.send({ image: picture }).catch((error: unknown) => {
      reader = null; // as when the graphics driver was reset: the next attempt loads it anew
      console.warn("FaceMesh has failed:", error);
      throw new CheckFault("WASM_BLOCKED");
    });
    const { width, height } = picture;
    return (this.results.multiFaceLandmarks ?? []).map(points => ({
      x: Float32Array.from(points, point => point.x * width),
      y: Float32Array.from(points, point => point.y * height),
      z: Float32Array.from(points, point => point.z * width),
      width,
      height,
    }));
  }

  async reset(): Promise<void> {
    // All that the engine remembers is where the last faces were, and a picture without one takes their place. Its own
    // reset() builds everything anew.
    await this.read(Object.assign(document.createElement("canvas"), EMPTY));
  }
}

/** Throws where a policy or the device forbids WebAssembly or WebGL; the package would wait for ever, or show an alert. */
function demandWhatItNeeds(): void {
  new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  if (gl === null) throw new Error("there is no WebGL");
  gl.getExtension("WEBGL_lose_context")?.loseContext();
}

/** The page's policy for script addresses; a name can be taken once. */
let policy: ScriptPolicy | null = null;
interface ScriptPolicy {
  /** What the page lets a script load; a string in browsers without Trusted Types. */
  createScriptURL(address: string): unknown;
}
type TrustedTypes = { createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy };

/** Lets through the addresses of our scripts, and nothing else. */
function trustedScripts(): ScriptPolicy {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const rules: ScriptPolicy = {
    createScriptURL: address => {
      if (!SCRIPTS.has(address)) throw new TypeError(`${address} is no part of FaceMesh`);
      return address;
    },
  };
  return (policy ??= trustedTypes?.createPolicy(POLICY, rules) ?? rules);
}

async function bytes(address: string): Promise<ArrayBuffer> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.arrayBuffer();
}

function script(address: unknown): Promise<void> {
  const element = document.createElement("script");
  element.crossOrigin = "anonymous";
  element.src = address as string;
  return new Promise((resolve, reject) => {
    element.addEventListener("load", () => resolve());
    element.addEventListener("error", () => reject(new Error(`${String(address)} did not load`)));
    document.head.append(element);
  });
}
