// For vitest's `globalSetup`: the run fails when a TLS connection of its tests did not verify the peer.
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
      problems.push("No TLS connection was recorded, although there are tests of them.");
    if (problems.length === 0) return;
    // Vitest prints what a teardown throws, and would exit with 0.
    process.exitCode = 1;
    throw new Error(`The record of TLS connections:\n${problems.join("\n")}`);
  };
}
