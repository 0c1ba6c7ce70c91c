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
    chunkSizeWarningLimit: 1000,
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What others made is a file of its own, which is another one only with another version of it.
            { name: "openlayers", test: /node_modules\/(ol|proj4|mgrs|wkt-parser|geotiff|rbush|quickselect|earcut|quick-lru|parse-headers|xml-utils)\// },
            { name: "sqlite", test: /node_modules\/sql\.js\// },
            // The page needs this before any map.
            { name: "loading", test: /preload-helper/, priority: 1 },
          ],
        },
      },
    },
  },
});
