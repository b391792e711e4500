// The component alone, for pages that are not ours: a name that stays, chunks whose names hold their content's hash.
import { defineConfig } from "vite";
import { faceMesh } from "./tools/face-mesh.mjs";
import { compressed } from "./vite.config.js";

export default defineConfig({
  base: "./",
  publicDir: false,
  build: {
    target: "es2022",
    outDir: "dist/embed",
    assetsInlineLimit: 0,
    modulePreload: false, // a link in a stranger's page is none of ours
    reportCompressedSize: false,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: "src/liveness/embed.ts",
      output: { entryFileNames: "bonafide-liveness.js", chunkFileNames: "[name]-[hash].js", assetFileNames: "[name]-[hash][extname]" },
    },
    license: { fileName: "licenses.md" },
  },
  plugins: [faceMesh(), compressed()],
});
