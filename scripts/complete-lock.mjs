// `node scripts/complete-lock.mjs [FOLDER]`, after an `npm install` that changed a lock file. Packages with native
// parts list one optional package a platform. A registry that mirrors only some platforms makes npm leave the others
// out of the lock file, and `npm ci` then refuses it. This writes them as npm does, with the version that the
// dependant asks for; npm fetches them on their own platform only.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const platforms =
  /(?<os>aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(?<cpu>arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-(?<abi>gnu|musl|msvc|eabi|gnueabihf|musleabihf))?$/;

/**
 * @param {{ packages: Record<string, any> }} lock A parsed lock file.
 * @returns {{ path: string, entry: object }[]} The optional packages that it ought to hold and does not.
 */
export function missingFrom(lock) {
  const missing = [];
  for (const [dependant, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (dependant === "" || placesOf(name, dependant).some((path) => path in lock.packages)) continue;
      const path = `node_modules/${name}`;
      const { cpu, libc, os } = platformOf(name);
      // In the order in which npm writes them.
      const entry = {
        version,
        cpu,
        ...(dev && { dev }),
        ...(libc && { libc }),
        optional: true,
        ...(os && { os }),
      };
      missing.push({ path, entry });
    }
  }
  return missing;
}

/** Where Node would look for it, nearest first. */
function placesOf(name, dependant) {
  const parts = dependant.split("/node_modules/");
  const nested = parts.map(
    (_, index) => `${parts.slice(0, parts.length - index).join("/node_modules/")}/node_modules/${name}`,
  );
  return [...nested, `node_modules/${name}`];
}

function platformOf(name) {
  if (/-wasm32-wasi$/.test(name)) return { cpu: ["wasm32"] };
  const { os, cpu, abi = "" } = platforms.exec(name)?.groups ?? {};
  if (os === undefined) throw new Error(`${name} does not name a platform; look at it by hand.`);
  const libc =
    os !== "linux" ? undefined : abi.startsWith("musl") ? "musl" : abi === "" ? undefined : "glibc";
  return { cpu: [cpu], os: [os], ...(libc && { libc: [libc] }) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = join(process.argv[2] ?? ".", "package-lock.json");
  const lock = JSON.parse(await readFile(file, "utf8"));
  const missing = missingFrom(lock);
  for (const { path, entry } of missing) lock.packages[path] = entry;
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
  );
  await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${file}: ${missing.length} added`);
}
