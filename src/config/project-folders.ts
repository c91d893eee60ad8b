import { dirname, join, win32 } from "node:path";
import type { Disk } from "./disk.js";
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
  readonly beyond: readonly { readonly folder: string; readonly reason: () => Promise<string> }[];
}

/**
 * From the working directory up to the nearest `.git`, else to the highest workspace root, else the working directory alone;
 * never into or beyond a folder that is not trusted. What lies there does not extend a search either: else everybody who
 * can write to `/shared` could have a config used in `/shared/me` that is none of the project's.
 */
export async function projectFolders(trust: Trust): Promise<ProjectFolders> {
  const folders = upwards(trust.cwd);
  const trusted: string[] = [];
  let end = 1;
  let marker: "git" | "workspaces" | undefined;
  let barrier: Barrier | undefined;
  for (const folder of folders) {
    barrier = await barrierAt(folder, trust);
    if (barrier !== undefined) break;
    trusted.push(folder);
    const found = await markerIn(folder, trust.disk);
    if (found === undefined) continue;
    marker = found;
    end = trusted.length;
    if (found === "git") break;
  }
  const searched = trusted.slice(0, end);
  const goesOn =
    barrier !== undefined &&
    (trusted.length === 0 || (await hasMarker(folders.slice(trusted.length), trust.disk)));
  const reason = async (at: number): Promise<string> => {
    if (barrier !== undefined && (goesOn || at >= trusted.length)) return await describeBarrier(barrier);
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

async function barrierAt(folder: string, trust: Trust): Promise<Barrier | undefined> {
  if (process.platform === "win32" && isWindowsRoot(folder)) return { folder, doubts: undefined };
  const doubts = await doubtsAboutFolder(folder, trust);
  return doubts.length === 0 ? undefined : { folder, doubts };
}

async function describeBarrier({ folder, doubts }: Barrier): Promise<string> {
  const [doubt] = doubts ?? [];
  if (doubt === undefined) return `${folder}, the root of a drive or share, is not searched`;
  return `the search ends below ${folder}: ${await describeDoubt(doubt)}`;
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

async function hasMarker(folders: readonly string[], disk: Disk): Promise<boolean> {
  for (const folder of folders) if ((await markerIn(folder, disk)) !== undefined) return true;
  return false;
}

async function markerIn(folder: string, disk: Disk): Promise<"git" | "workspaces" | undefined> {
  if (await exists(join(folder, ".git"), disk)) return "git";
  return (await isWorkspaceRoot(folder, disk)) ? "workspaces" : undefined;
}

async function isWorkspaceRoot(folder: string, disk: Disk): Promise<boolean> {
  if (await exists(join(folder, "pnpm-workspace.yaml"), disk)) return true;
  try {
    const outcome = await disk.read(join(folder, "package.json"), longestManifest);
    if ("problem" in outcome) return false;
    const content: unknown = JSON.parse(outcome.text);
    return typeof content === "object" && content !== null && "workspaces" in content;
  } catch {
    // One that cannot be read, or is not JSON.
    return false;
  }
}

async function exists(path: string, disk: Disk): Promise<boolean> {
  try {
    await disk.stat(path);
    return true;
  } catch {
    return false;
  }
}
