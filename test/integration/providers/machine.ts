import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Product, ProductCommand } from "../../support/stand-in/product.js";
import type { ProductHosts } from "../../support/stand-in/product-hosts.js";

/** Replaces hosts by local servers, and the folders of the machine by folders of the test. */
export function inPlace({ local }: ProductHosts, folder: string): (text: string) => string {
  return (text) => local(text).replace(/^\/(?=(var|run|opt)\/)/, `${folder}/`);
}

export function commandPath(folder: string, path: string): string {
  return join(folder, path.startsWith("/") ? path : join("bin", path));
}

/** Writes the files and commands of the machine into a folder. */
export async function placeFiles(product: Product, hosts: ProductHosts, folder: string): Promise<void> {
  const { files = {}, commands = {}, mutualTls } = product;
  const place = async (path: string, content: string, mode: number) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, mode);
  };
  for (const [path, content] of Object.entries(files)) await place(join(folder, path), content, 0o600);
  if (mutualTls !== undefined) {
    await place(join(folder, "test-authority.pem"), mutualTls.authority.certificate, 0o600);
  }
  for (const [path, command] of Object.entries(commands)) {
    const args = command.args.map(inPlace(hosts, folder));
    const script = commandScript({ ...command, args });
    await place(commandPath(folder, path), script, 0o700);
  }
}

/** Returns a shell script that prints its text only for exactly these arguments and this input. */
function commandScript({ args, stdin, prints }: ProductCommand): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const checks = args.map((argument) => `[ "$1" = ${quoted(argument)} ] && shift || exit 1`);
  if (stdin !== undefined) checks.push(`[ "$(cat)" = ${quoted(stdin)} ] || exit 1`);
  return ["#!/bin/sh", `[ $# = ${args.length} ] || exit 1`, ...checks, `echo ${quoted(prints)}`, ""].join(
    "\n",
  );
}
