import { printable } from "../lib/printable.js";
import { findFolderProblem } from "../lib/usable-folder.js";
import { NotOurs, type StoreFailure, storeFailure } from "./failure.js";
import { assertSafeFolder } from "./secure-folder.js";

/**
 * Returns why the file store cannot use its folder, or cannot create it. Creates and changes nothing, so it can be asked
 * before the store is used. A full disk shows only on use.
 */
export async function checkStoreFolder(folder: string): Promise<StoreFailure | undefined> {
  const problem = await findFolderProblem(folder);
  if (problem !== undefined) {
    const { at, error } = problem;
    const place = at === folder ? folder : `${folder} (to be created in ${at})`;
    const failure = storeFailure(error, { place, folder, kind: "file" });
    if (failure !== undefined) return failure;
    const what = `the folder ${printable(at)} cannot be used`;
    return storeFailure(new NotOurs(what), { place: folder, kind: "file" });
  }
  try {
    await assertSafeFolder(folder);
    return undefined;
  } catch (error) {
    const failure = storeFailure(error, { place: folder, kind: "file" });
    if (failure === undefined) throw error;
    return failure;
  }
}
