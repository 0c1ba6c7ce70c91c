import { defineConfig } from "vite";

// Paths are relative, since a deployment may have the API, and this page with it, below a path of its own.
export default defineConfig({
  base: "./",
  build: {
    outDir: process.env.OGDC_UI_OUT ?? "../ogdc_functions/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
  },
});
