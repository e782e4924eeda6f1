import { defineConfig } from "vite";

// The built page is package data of streams.web; git ignores it.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    // No file becomes a data: address inside another one: the content security policy refuses those.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": process.env["THEWALL_PAGE_URL"] ?? "http://127.0.0.1:6060" } },
});
