import { dirname, join, win32 } from "node:path";
import { packageJson } from "./cosmiconfig.js";
import { type FileSystem, ifExaminable } from "./file-system.js";
import { describeProblem, findFolderProblems, type Trust, type TrustProblem } from "./trust.js";

/** A larger package.json is not read: it may be in a folder that is not trusted. */
export const maxPackageJsonBytes = 1_048_576;

/** The folders of a search, and why it ends there. */
export interface ProjectFolders {
  /** From the working directory up. All of them are trusted. */
  readonly searched: readonly string[];
  /** The next folder of the project, if the search ends because that folder is not trusted. */
  readonly refused?: { readonly folder: string; readonly problems: readonly TrustProblem[] };
  /** The folders above, with the reason why they are not searched, as a clause. */
  readonly beyond: readonly { readonly folder: string; readonly reason: () => Promise<string> }[];
}

/**
 * Returns the folders from the working directory up to the nearest one with `.git`, else to the highest workspace root,
 * else the working directory alone. An untrusted folder ends the search, and its markers do not extend it: otherwise,
 * anybody who can write to `/shared` could plant a config that is used in `/shared/me`.
 */
export async function findProjectFolders(trust: Trust): Promise<ProjectFolders> {
  const folders = folderAndParents(trust.cwd);
  const trusted: string[] = [];
  let searchedCount = 1;
  let marker: Marker | undefined;
  let barrier: Barrier | undefined;
  for (const folder of folders) {
    barrier = await barrierAt(folder, trust);
    if (barrier !== undefined) break;
    trusted.push(folder);
    const found = await markerIn(folder, trust.fs);
    if (found === undefined) continue;
    marker = found;
    searchedCount = trusted.length;
    if (found === "git") break;
  }
  const searched = trusted.slice(0, searchedCount);
  const endsAtBarrier =
    barrier !== undefined &&
    (trusted.length === 0 || (await hasMarker(folders.slice(trusted.length), trust.fs)));
  const reasonFor = async (index: number): Promise<string> => {
    if (barrier !== undefined && (endsAtBarrier || index >= trusted.length)) {
      return await describeBarrier(barrier);
    }
    const top = searched.at(-1) ?? trust.cwd;
    if (marker === "git") return `the search ends at ${top}, which has .git`;
    if (marker === "workspaces") return `the search ends at ${top}, the highest folder with workspaces`;
    return "without .git or workspaces only the working directory is searched";
  };
  return {
    searched,
    ...(endsAtBarrier &&
      barrier?.problems !== undefined && {
        refused: { folder: barrier.folder, problems: barrier.problems },
      }),
    beyond: folders
      .slice(searched.length)
      .map((folder, index) => ({ folder, reason: () => reasonFor(searched.length + index) })),
  };
}

/** A folder that must not be searched. Without `problems` it is the root of a drive or share. */
interface Barrier {
  readonly folder: string;
  readonly problems: readonly TrustProblem[] | undefined;
}

async function barrierAt(folder: string, trust: Trust): Promise<Barrier | undefined> {
  if (process.platform === "win32" && isWindowsRoot(folder)) return { folder, problems: undefined };
  const problems = await findFolderProblems(folder, trust);
  return problems.length === 0 ? undefined : { folder, problems };
}

async function describeBarrier({ folder, problems }: Barrier): Promise<string> {
  const [problem] = problems ?? [];
  if (problem === undefined) return `${folder}, the root of a drive or share, is not searched`;
  return `the search ends below ${folder}: ${await describeProblem(problem)}`;
}

/**
 * Whether a folder is the root of a drive (`C:\`) or a share (`\\server\share\`), to which other users of Windows can
 * often add files. Both may be written with the prefix of long paths, `\\?\`.
 */
export function isWindowsRoot(folder: string): boolean {
  // `win32.parse` takes `\\?\UNC` for the share, and the share for a folder in it.
  const path = folder.replace(/^[\\/]{2}\?[\\/]UNC[\\/]/i, "\\\\");
  const { root } = win32.parse(path);
  return root !== "" && win32.resolve(path) === win32.resolve(root);
}

/** Returns a folder and all folders that contain it, the nearest first. */
export function folderAndParents(folder: string): readonly string[] {
  const folders = [folder];
  for (let next = dirname(folder); next !== folders.at(-1); next = dirname(next)) folders.push(next);
  return folders;
}

/** The sign that a folder is the root of a project. */
type Marker = "git" | "workspaces";

async function hasMarker(folders: readonly string[], fs: FileSystem): Promise<boolean> {
  for (const folder of folders) if ((await markerIn(folder, fs)) !== undefined) return true;
  return false;
}

async function markerIn(folder: string, fs: FileSystem): Promise<Marker | undefined> {
  if (await exists(join(folder, ".git"), fs)) return "git";
  return (await isWorkspaceRoot(folder, fs)) ? "workspaces" : undefined;
}

async function isWorkspaceRoot(folder: string, fs: FileSystem): Promise<boolean> {
  if (await exists(join(folder, "pnpm-workspace.yaml"), fs)) return true;
  const outcome = await ifExaminable(() => fs.read(join(folder, packageJson), maxPackageJsonBytes));
  if (outcome === undefined || "problem" in outcome) return false;
  try {
    const content: unknown = JSON.parse(outcome.text);
    return typeof content === "object" && content !== null && "workspaces" in content;
  } catch (error) {
    // A package.json with syntax errors is no workspace root.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

async function exists(path: string, fs: FileSystem): Promise<boolean> {
  return (await ifExaminable(() => fs.stat(path))) !== undefined;
}
