// Plays recorded frames through app/web/src/liveness and prints, as JSON, what it makes of each.
import { createRequire } from "node:module";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const web = new URL("../../../app/web/", import.meta.url);
const require = createRequire(new URL("package.json", web));

/** A module of the client as the build would make it. */
async function built(name) {
  const { build } = await import(require.resolve("vite"));
  const entry = fileURLToPath(new URL(`src/liveness/${name}.ts`, web));
  const [{ output }] = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, minify: false, lib: { entry, formats: ["es"] } },
  });
  return import(`data:text/javascript;base64,${Buffer.from(output[0].code).toString("base64")}`);
}

const [{ measure, brightness }, { Session }, { fullness }] = await Promise.all(["measures", "session", "evidence"].map(built));

function mesh({ points, depth, width, height }) {
  const floats = text => {
    const bytes = Buffer.from(text, "base64");
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  };
  const flat = floats(points);
  return { x: flat.filter((_, at) => at % 2 === 0), y: flat.filter((_, at) => at % 2 === 1), z: floats(depth), width, height };
}

function played({ steps, frames }, policy) {
  const session = new Session(steps, policy, 0);
  return frames.map(({ tMs, face, mesh: told, faces, light }) => {
    const measured = told ? measure(mesh(told)) : face;
    const judged = session.receive({ tMs, face: measured, faces, light });
    const { state, index, neutral } = session;
    return { measured, judged, state, index, neutral, fps: session.fps, ear: session.eyes.ear };
  });
}

const { policy, recordings, pictures, pairs } = await json(process.stdin);
console.log(JSON.stringify({
  recordings: recordings.map(recording => played(recording, policy)),
  fullnesses: pairs.map(({ step, rest, now }) => fullness(step, rest, now, policy)),
  lumas: pictures.map(({ rgba, mesh: told }) => brightness(Buffer.from(rgba, "base64"), mesh(told))),
}));
