import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": process.env.BACKEND_URL ?? "http://backend:8000" } },
  build: { chunkSizeWarningLimit: 1500 },
});
