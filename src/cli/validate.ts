import { relative } from "node:path";
import { checkConfig } from "../config/load.js";
import { McpAuthError, type Violation } from "../errors/error.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { environment, parseOptions, UsageError } from "./options.js";

const help = `Usage: npx mcp-auth-runtime validate [--json] [--secrets] [--config FILE] [--env-file FILE]

Checks the config and lists every mistake at once, with its place and what to write instead.

  --json      an object: file, valid, violations
  --secrets   also read every secret and key that the config refers to, without showing or sending any
`;

/** `validate`: every violation at once. Exit code 2 when there is one. */
export async function validate(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    json: { type: "boolean" },
    secrets: { type: "boolean" },
  });
  if (values.help === true) {
    io.out(help);
    return exitCodes.done;
  }
  if (positionals.length > 0)
    throw new UsageError("validate takes no argument; name the file with --config FILE");
  const env = await environment(io, values["env-file"]);
  const checked = await checkConfig({
    cwd: io.cwd,
    env,
    ...(values.config !== undefined && { cliPath: values.config }),
  });
  const failures =
    values.secrets === true && checked.spec !== undefined ? await checkSecrets(checked.spec, env) : [];
  const valid = checked.violations.length === 0 && failures.length === 0;
  const file = checked.file;
  if (values.json === true) {
    io.out(
      `${JSON.stringify({ file, valid, violations: checked.violations, secrets: failures }, null, 2)}\n`,
    );
  } else {
    const shown = file === undefined ? "config" : relative(io.cwd, file) || file;
    for (const violation of checked.violations) io.out(`${line(violation, shown)}\n`);
    for (const failure of failures) io.out(`${shown}: ${failure.message}\n`);
    const count = checked.violations.length + failures.length;
    const servers = checked.spec?.servers.size ?? 0;
    if (valid) io.out(`${shown}: no mistakes, ${servers} ${servers === 1 ? "server" : "servers"}\n`);
    else io.err(`${count} ${count === 1 ? "mistake" : "mistakes"}\n`);
  }
  return valid ? exitCodes.done : exitCodes.usage;
}

function line({ line, column, pointer, message, hint }: Violation, file: string): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  return `${place} ${pointer === "" ? "" : `${pointer} `}${message}${hint === undefined ? "" : `\n    ${hint}`}`;
}

type Spec = NonNullable<Awaited<ReturnType<typeof checkConfig>>["spec"]>;

async function checkSecrets(spec: Spec, env: CommandIo["env"]): Promise<McpAuthError[]> {
  const [{ readSecret }, { loadKey }] = await Promise.all([
    import("../secrets/read-secret.js"),
    import("../keys/load-key.js"),
  ]);
  const failures: McpAuthError[] = [];
  for (const entry of spec.servers.values()) {
    if (!("spec" in entry)) continue;
    const { grant, headers, name } = entry.spec;
    const context = { server: name, env };
    const reads = Object.values(headers)
      .filter((value) => typeof value !== "string")
      .map((value) => () => readSecret(value, context));
    if (grant.type === "static") reads.push(() => readSecret(grant.token, context));
    else if (grant.client.credential.kind === "secret") {
      const { secret } = grant.client.credential;
      reads.push(() => readSecret(secret, context));
    } else if (grant.client.credential.kind === "key") {
      const { key } = grant.client.credential;
      reads.push(async () => {
        await loadKey(key, context);
        return await readSecret(key.privateKey, context);
      });
    }
    for (const read of reads) {
      try {
        await read();
      } catch (error) {
        if (!(error instanceof McpAuthError)) throw error;
        failures.push(error);
      }
    }
  }
  return failures;
}
