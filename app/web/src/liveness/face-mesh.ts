/**
 * MediaPipe's FaceMesh in the browser: ten megabytes of our own files, loaded when a check starts and not before.
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

type Point = { readonly x: number; readonly y: number; readonly z: number };
interface Results {
  readonly multiFaceLandmarks?: readonly (readonly Point[])[];
}
/** What is used of the package's class. */
interface Engine {
  setOptions(options: Readonly<Record<string, unknown>>): void;
  onResults(listener: (results: Results) => void): void;
  initialize(): Promise<void>;
  reset(): void;
  send(inputs: { readonly image: HTMLCanvasElement }): Promise<void>;
}
type Globals = typeof globalThis & {
  FaceMesh?: new (config: { locateFile(name: string): string }) => Engine;
  createMediapipeSolutionsPackedAssets?: Record<string, unknown>;
};

async function loaded(): Promise<FaceReader> {
  demandWhatItNeeds();
  const globals = globalThis as Globals;
  const addresses = trusted();
  await script(addresses(bundle));
  const given = await fetch(models); // by ourselves: the package's own loader throws where nobody can catch it
  if (!given.ok) throw new Error(`${models}: ${given.status}`);
  const modelBytes = await given.arrayBuffer();
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
        return (SCRIPTS.has(file) ? addresses(file) : file) as string;
      },
    });
    engine.setOptions({ maxNumFaces: 1, refineLandmarks: true });
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
    await this.engine.send({ image: picture });
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
    this.engine.reset();
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

/** Turns the addresses of our scripts, and nothing else, into what the page lets a script load. */
function trusted(): (address: string) => unknown {
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): unknown } } };
  const createScriptURL = (address: string): string => {
    if (!SCRIPTS.has(address)) throw new TypeError(`${address} is no part of FaceMesh`);
    return address;
  };
  made ??= trustedTypes?.createPolicy(POLICY, { createScriptURL }) ?? { createScriptURL };
  const { createScriptURL: address } = made;
  return told => address.call(made, told);
}
let made: { createScriptURL(url: string): unknown } | undefined;

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
