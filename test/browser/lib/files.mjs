// Reads what was downloaded: zips and CSV, as far as this test needs it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { crc32, inflateRawSync } from "node:zlib";

// download presses a button and returns the name and the bytes of the file that comes.
export async function download(page, press) {
  const [file] = await Promise.all([page.waitForEvent("download"), press()]);
  assert.equal(await file.failure(), null);
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

// unzip returns the files of a zip by name, whose checksums it compares.
export function unzip(bytes) {
  const end = bytes.lastIndexOf("PK\x05\x06", undefined, "latin1");
  assert.ok(end >= 0, "it is a zip");
  const files = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    assert.equal(bytes.readUInt32LE(at), 0x02014b50, "an entry of the zip's directory");
    const [method, sum, packed, size] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 16), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 24)];
    const [nameSize, extra, comment, local] = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)];
    const name = bytes.toString("utf8", at + 46, at + 46 + nameSize);
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const data = bytes.subarray(from, from + packed);
    const plain = method === 8 ? inflateRawSync(data) : data;
    assert.equal(plain.length, size, name);
    if (crc32) assert.equal(crc32(plain), sum, name); // from Node.js 22.2 on
    files.set(name, plain);
    at += 46 + nameSize + extra + comment;
  }
  return files;
}

// sheets returns the names of the sheets of a workbook, in order.
export function sheets(workbook) {
  const xml = unzip(workbook).get("xl/workbook.xml").toString();
  return [...xml.matchAll(/<sheet [^>]*name="([^"]*)"/g)].map((m) => m[1]);
}

// parseCSV returns the rows of RFC 4180 text as objects by its header.
export function parseCSV(text) {
  const rows = [[]];
  const cell = /("((?:[^"]|"")*)"|[^",\r\n]*)(,|\r?\n|$)/gy;
  while (cell.lastIndex < text.length) {
    const [, plain, quoted, then] = cell.exec(text);
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (then !== ",") rows.push([]);
  }
  const [header, ...data] = rows.filter((row) => row.length > 0);
  return data.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i]])));
}
