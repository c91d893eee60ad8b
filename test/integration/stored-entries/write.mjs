// Writes the entries of this version, once before its release. Needs redis-server (Debian: redis-server).
//
//     node test/integration/stored-entries/write.mjs
//
// The folder of a version that was released is never written again: its entries show what users have in their stores.
// To change those of a version that was not released, delete its folder first.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = new URL(".", import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("../../../package.json", here), "utf8"));
const { outputFiles } = buildSync({
  entryPoints: [fileURLToPath(new URL("write.ts", here))],
  ...{ bundle: true, platform: "node", format: "esm", packages: "external", write: false },
});
// Authorities that this machine adds to those of Node would be a part of the names of the entries.
const flags = ["--use-bundled-ca", "--input-type=module", "-"];
const { status } = spawnSync(process.execPath, [...flags, fileURLToPath(new URL(version, here))], {
  cwd: fileURLToPath(here),
  env: { PATH: process.env.PATH },
  input: outputFiles[0].contents,
  stdio: ["pipe", "inherit", "inherit"],
});
process.exitCode = status ?? 1;
