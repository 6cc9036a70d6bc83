import { defineConfig } from "vitest/config";

const server = { globalSetup: ["test/support/global-setup.ts"], testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      // Pure tests share a worker's modules: half of the time of isolated ones.
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60_000, isolate: false },
      },
      { test: { name: "integration", include: ["test/integration/**/*.test.ts"], ...server } },
      { test: { name: "e2e", include: ["test/e2e/**/*.test.ts"], ...server, testTimeout: 500_000 } },
    ],
  },
});
