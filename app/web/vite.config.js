import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig } from "vite";
import { faceMesh } from "./tools/face-mesh.mjs";

const TEXT = /\.(js|css|svg|json|wasm|data|binarypb)$/;
const LARGE = 1024 * 1024; // bytes; above, the best compression takes a minute and saves a few percent

/** Writes .br and .gz beside each text as it was written, so that the server compresses nothing. */
export function compressed() {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle).filter(file => TEXT.test(file))) {
        const source = readFileSync(join(dir, name));
        const quality = source.length > LARGE ? 9 : 11;
        const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: source.length };
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(source, { params }));
        writeFileSync(join(dir, `${name}.gz`), gzipSync(source, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  // Addresses are relative to the page's <base>, which the server writes: PUBLIC_URL may have a path of its own.
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: "manifest.json",
    rolldownOptions: { checks: { pluginTimings: false } }, // a slow machine is no fault of the build's
    license: { fileName: "licenses.md" },
  },
  plugins: [faceMesh(), compressed()],
});
