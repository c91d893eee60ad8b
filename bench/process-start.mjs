// Measures whole processes in a folder with a plain JSON config, in milliseconds: Node alone, with
// `--import mcp-auth-runtime/register`, and the command `token` with a token in the file store. Prints JSON.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "./lib/node.mjs";
import { interleave } from "./lib/statistics.mjs";

const rounds = Number(process.argv[2] ?? 9);
const dist = new URL("../dist/", import.meta.url);
const cli = fileURLToPath(new URL("cli.js", dist));
const folder = await mkdtemp(join(tmpdir(), "mcp-auth-bench-"));
const env = {
  ...cleanEnvironment(),
  BENCH_SECRET: "bench",
  BENCH_KEY: randomBytes(32).toString("base64url"),
};

const { origin, close } = await authorizationServer();
const client = { issuer: origin, id: "agent", secret: { env: "BENCH_SECRET" } };
const config = {
  store: { type: "file", path: "./tokens", encryptionKey: { env: "BENCH_KEY" } },
  servers: { bench: { url: `${origin}/mcp`, grant: { client } } },
};
await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(config, null, 2));
await run([cli, "token", "bench"]);
// From here on, a process that makes a request fails.
await close();

// What Node alone takes for a program of a few modules that decrypts and prints something.
const modules = 5;
for (let index = 0; index < modules; index += 1) {
  const next = index + 1 < modules ? `import "./module-${index + 1}.mjs";` : "";
  await writeFile(join(folder, `module-${index}.mjs`), `${next} import "node:crypto";`);
}
const program = join(folder, "program.mjs");
await writeFile(program, `await import("./module-0.mjs"); process.stdout.write("token\\n");`);

const subjects = {
  bare: ["-e", "0"],
  modules: [program],
  empty: ["--import", "data:text/javascript,", "-e", "0"],
  register: ["--import", new URL("register.js", dist).href, "-e", "0"],
  token: [cli, "token", "bench"],
};
const names = Object.keys(subjects);
// One run before the rounds, so that the files are in the disk cache.
for (const name of names) await run(subjects[name]);
const milliseconds = await interleave(names, rounds, (name) => run(subjects[name]));
await rm(folder, { recursive: true });
process.stdout.write(JSON.stringify({ milliseconds }));

/** Runs the Node of this process and returns how long it took. */
async function run(args) {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${args.join(" ")} ended with exit code ${code}`);
  return performance.now() - started;
}

async function authorizationServer() {
  const server = createServer((request, response) => {
    const body = {
      "/.well-known/oauth-authorization-server": {
        issuer: server.origin,
        token_endpoint: `${server.origin}/token`,
      },
      "/token": { access_token: "bench-token", token_type: "Bearer", expires_in: 86_400 },
    }[request.url];
    request.resume();
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin: server.origin,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
