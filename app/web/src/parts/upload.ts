import { Refusal } from "../refusals.js";

interface Presigned {
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Puts a file where a signed address says, and tells how far it is, from 0 to 1; throws a Refusal. */
export function upload(file: Blob, { url, headers }: Presigned, progress: (part: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // fetch tells nothing about how far an upload is.
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    for (const { name, value } of headers) {
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value); // the browser's own to say
    }
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 0));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else if (request.status === 413) reject(new Refusal({ code: "PAYLOAD_TOO_LARGE" }));
      else reject(new Refusal({ code: "BUSY" }));
    });
    request.addEventListener("error", () => reject(new Refusal({ code: "OFFLINE" })));
    request.addEventListener("timeout", () => reject(new Refusal({ code: "TIMED_OUT" })));
    request.send(file);
  });
}
