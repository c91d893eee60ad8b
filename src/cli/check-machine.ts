import { absolute } from "../config/build-reference.js";
import { isList, type Path, valueAt } from "../config/json.js";
import type { CheckedValue } from "../config/load.js";
import type { Mistake } from "../config/source-document.js";
import { McpAuthError } from "../errors/error.js";
import { capitalized } from "../lib/printable.js";
import type { CommandIo } from "./io.js";

export interface MachineCheck {
  readonly mistakes: readonly Mistake[];
  /** For the person who runs this; must be escaped. */
  readonly warnings: readonly string[];
}

/**
 * Checks what the config names on this machine and what needs no secret: the folder of the store, the files of
 * `network.ca` and the socket of the proxy. Creates and changes nothing. Leaves out what has a variable without a value,
 * and what is not even a path, because the violations report both.
 */
export async function checkMachine(
  { value, folder, isUnresolved }: CheckedValue,
  { env }: Pick<CommandIo, "env">,
): Promise<MachineCheck> {
  const pathAt = (path: Path): string | undefined => {
    const text = valueAt(value, path);
    return typeof text === "string" && text !== "" && !isUnresolved(path)
      ? absolute(text, folder)
      : undefined;
  };
  const caPath = ["network", "ca"];
  const ca = valueAt(value, caPath);
  const caPaths = isList(ca) ? ca.map((_, index) => [...caPath, String(index)]) : [caPath];
  const authorities = await Promise.all(caPaths.map((path) => checkCa(path, pathAt(path))));
  const hasFileStore = valueAt(value, ["store", "type"]) === "file" && !isUnresolved(storePath);
  return {
    mistakes: [
      ...authorities.flatMap(({ mistakes }) => mistakes),
      ...(hasFileStore ? await checkStore(pathAt(storePath), env) : []),
      ...(await checkSocket(pathAt(socketPath))),
    ],
    warnings: authorities.flatMap(({ warnings }) => warnings),
  };
}

const storePath: Path = ["store", "path"];
const socketPath: Path = ["proxy", "socket"];

async function checkCa(path: Path, file: string | undefined): Promise<MachineCheck> {
  if (file === undefined) return { mistakes: [], warnings: [] };
  const { checkAuthorities } = await import("../net/check-authorities.js");
  try {
    const { mistake, warning } = await checkAuthorities(file, Date.now());
    return {
      mistakes: mistake === undefined ? [] : [{ path, message: mistake }],
      warnings: warning === undefined ? [] : [warning],
    };
  } catch (error) {
    return { mistakes: [{ path, message: messageOf(error) }], warnings: [] };
  }
}

async function checkStore(
  configured: string | undefined,
  env: CommandIo["env"],
): Promise<readonly Mistake[]> {
  const [{ stateFolder }, { checkStoreFolder }] = await Promise.all([
    import("../stores/state-folder.js"),
    import("../stores/check-folder.js"),
  ]);
  const failure = await checkStoreFolder(configured ?? stateFolder({ env }));
  return failure === undefined ? [] : [{ path: storePath, message: capitalized(failure.message) }];
}

async function checkSocket(socket: string | undefined): Promise<readonly Mistake[]> {
  if (socket === undefined) return [];
  const { checkSocketPath } = await import("../proxy/unix-socket.js");
  try {
    await checkSocketPath(socket);
    return [];
  } catch (error) {
    return [{ path: socketPath, message: messageOf(error) }];
  }
}

/** Returns the message of an error of ours, which has been made for a person. */
function messageOf(error: unknown): string {
  if (!(error instanceof McpAuthError)) throw error;
  return error.message;
}
