import { statSync } from "node:fs";
import { dirname, join, win32 } from "node:path";
import { attempt, readRegularFile } from "./read-file.js";
import { type Doubt, describeDoubt, doubtsAboutFolder, type Trust } from "./trust.js";

/** Of a package.json that is read although anybody may have written it. */
export const longestManifest = 1_048_576;

/** How far a search goes, and why not further. */
export interface ProjectFolders {
  /** From the working directory up. All of them are trusted. */
  readonly searched: readonly string[];
  /** The next one, where the project goes on and the search does not, since the folder is not trusted. */
  readonly refused?: { readonly folder: string; readonly doubts: readonly Doubt[] };
  /** Those above, and why they are not searched: half a sentence. */
  readonly beyond: readonly { readonly folder: string; readonly reason: () => string }[];
}

/**
 * From the working directory up to the nearest `.git`, else to the highest workspace root, else the working directory alone;
 * never into or beyond a folder that is not trusted. What lies there does not extend a search either: else everybody who
 * can write to `/shared` could have a config used in `/shared/me` that is none of the project's.
 */
export function projectFolders(trust: Trust): ProjectFolders {
  const folders = upwards(trust.cwd);
  const trusted: string[] = [];
  let end = 1;
  let marker: "git" | "workspaces" | undefined;
  let barrier: Barrier | undefined;
  for (const folder of folders) {
    barrier = barrierAt(folder, trust);
    if (barrier !== undefined) break;
    trusted.push(folder);
    const found = markerIn(folder);
    if (found === undefined) continue;
    marker = found;
    end = trusted.length;
    if (found === "git") break;
  }
  const searched = trusted.slice(0, end);
  const goesOn = barrier !== undefined && (trusted.length === 0 || hasMarker(folders.slice(trusted.length)));
  const reason = (at: number): string => {
    if (barrier !== undefined && (goesOn || at >= trusted.length)) return describeBarrier(barrier);
    const top = searched.at(-1) ?? trust.cwd;
    if (marker === "git") return `the search ends at ${top}, which has .git`;
    if (marker === "workspaces") return `the search ends at ${top}, the highest folder with workspaces`;
    return "without .git or workspaces only the working directory is searched";
  };
  return {
    searched,
    ...(goesOn &&
      barrier?.doubts !== undefined && { refused: { folder: barrier.folder, doubts: barrier.doubts } }),
    beyond: folders
      .slice(searched.length)
      .map((folder, index) => ({ folder, reason: () => reason(searched.length + index) })),
  };
}

/** A folder that is not searched, and why. Without doubts it is the root of a drive or share. */
interface Barrier {
  readonly folder: string;
  readonly doubts: readonly Doubt[] | undefined;
}

function barrierAt(folder: string, trust: Trust): Barrier | undefined {
  if (process.platform === "win32" && isWindowsRoot(folder)) return { folder, doubts: undefined };
  const doubts = doubtsAboutFolder(folder, trust);
  return doubts.length === 0 ? undefined : { folder, doubts };
}

function describeBarrier({ folder, doubts }: Barrier): string {
  const [doubt] = doubts ?? [];
  if (doubt === undefined) return `${folder}, the root of a drive or share, is not searched`;
  return `the search ends below ${folder}: ${describeDoubt(doubt)}`;
}

/** Of a drive (`C:\`) or a share (`\\server\share\`). On Windows, others than the user may often add files there. */
export function isWindowsRoot(folder: string): boolean {
  const { root } = win32.parse(folder);
  return root !== "" && win32.resolve(folder) === win32.resolve(root);
}

/** The folder itself and all above it. */
export function upwards(folder: string): readonly string[] {
  const folders = [folder];
  for (let next = dirname(folder); next !== folders.at(-1); next = dirname(next)) folders.push(next);
  return folders;
}

function hasMarker(folders: readonly string[]): boolean {
  return folders.some((folder) => markerIn(folder) !== undefined);
}

function markerIn(folder: string): "git" | "workspaces" | undefined {
  if (exists(join(folder, ".git"))) return "git";
  return isWorkspaceRoot(folder) ? "workspaces" : undefined;
}

function isWorkspaceRoot(folder: string): boolean {
  if (exists(join(folder, "pnpm-workspace.yaml"))) return true;
  try {
    const outcome = readRegularFile(join(folder, "package.json"), longestManifest);
    if ("problem" in outcome) return false;
    const content: unknown = JSON.parse(outcome.text);
    return typeof content === "object" && content !== null && "workspaces" in content;
  } catch {
    // One that cannot be read, or is not JSON.
    return false;
  }
}

function exists(path: string): boolean {
  return attempt(() => statSync(path, { throwIfNoEntry: false })) !== undefined;
}
