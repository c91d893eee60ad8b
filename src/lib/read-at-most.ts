import type { FileHandle } from "node:fs/promises";

/** Reads on until the end or the limit: the size that `stat` tells is 0 for files that a kernel makes up. */
export async function readAtMost(file: FileHandle, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < limit) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(65_536, limit - total)), 0);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return Buffer.concat(chunks);
}
