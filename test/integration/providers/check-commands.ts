import { execFile } from "node:child_process";
import { expect } from "vitest";
import type { Product } from "../../support/stand-in/product.js";
import { startHosts } from "../../support/stand-in/product-hosts.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { commandPath, inPlace, placeFiles } from "./machine.js";

/** Runs each command with each change of its arguments, and checks that it fails. */
export async function checkCommands(product: Product, config: string): Promise<void> {
  const folder = await temporaryFolder();
  await using hosts = await startHosts(product, config);
  await placeFiles(product, hosts, folder);
  for (const [path, { args, stdin = "", prints }] of Object.entries(product.commands ?? {})) {
    const file = commandPath(folder, path);
    const right = args.map(inPlace(hosts, folder));
    expect(await output(file, right, stdin)).toBe(`${prints}\n`);
    const changed = right.flatMap((argument, index) => [
      right.toSpliced(index, 1),
      right.with(index, `${argument}x`),
    ]);
    for (const wrong of [...changed, [...right, "unexpected"]]) {
      expect(await output(file, wrong, stdin)).toBe("");
    }
    if (stdin !== "") expect(await output(file, right, `${stdin}x`)).toBe("");
  }
}

function output(file: string, args: readonly string[], stdin: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(file, args, (_, stdout) => resolve(stdout));
    // It may have ended before it reads.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
  });
}
