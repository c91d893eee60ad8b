// For vitest's `globalSetup`: fails the run if a TLS connection of its tests did not verify the peer.
import { endRecords, startRecords } from "./records.js";

/** @param {import("vitest/node").TestProject} project */
export async function setup(project) {
  const folder = await startRecords();
  project.provide("tlsRecords", folder);
  return async () => {
    const { opened, problems } = await endRecords(folder);
    const modules = project.vitest.state.getTestModules().filter((module) => module.project === project);
    const proof = modules.some(({ moduleId }) => moduleId.endsWith("/tls-recorder.test.ts"));
    if (proof && opened === 0)
      problems.push("No TLS connection was recorded, although some tests open TLS connections.");
    if (problems.length === 0) return;
    // Vitest prints an error of a teardown, but would exit with 0.
    process.exitCode = 1;
    throw new Error(`The record of TLS connections has problems:\n${problems.join("\n")}`);
  };
}
