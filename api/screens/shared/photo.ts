// Photographs on their way to the server: made smaller in the browser, sent as they are, named by their hash.
import { answered, by, POST } from "./client";

/** The longer side, in pixels: enough to read a sign across a street, and a tenth of what a phone's camera writes. */
export const LONGEST_SIDE = 1600;
const QUALITY = 0.82;
/** What is small enough already is sent as it was taken, if it is something the server takes. */
const SMALL_BYTES = 400_000;
const TAKEN = new Set(["image/jpeg", "image/png", "image/webp"]);

/** This file is no picture that the browser can read. */
export class NotAPicture extends Error {}

/**
 * The picture as a JPEG whose longer side has at most `longest` pixels, turned as the camera held it. Drawn anew, so what the
 * file says of itself (where, when, by which camera) does not go along: what must be known of it is said beside it.
 */
export async function shrunk(file: Blob, longest = LONGEST_SIDE): Promise<Blob> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new NotAPicture();
  }
  try {
    const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const plane = canvas.getContext("2d");
    if (!plane) throw new NotAPicture();
    // What is transparent would be black in a JPEG.
    plane.fillStyle = "#ffffff";
    plane.fillRect(0, 0, canvas.width, canvas.height);
    plane.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const small = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    if (small) return small;
    if (scale === 1 && file.size <= SMALL_BYTES && TAKEN.has(file.type)) return file;
    throw new NotAPicture();
  } finally {
    picture.close();
  }
}

/** Sends a photograph in. The same bytes sent again are the same photograph, so a lost answer costs nothing but the way. */
export async function sendPhoto(photo: Blob, login?: string): Promise<string> {
  const { sha256 } = await answered(
    POST("/api/photos", {
      body: photo as unknown as never,
      bodySerializer: (body) => body as unknown as BodyInit,
      headers: { "Content-Type": photo.type || "image/jpeg", ...(login ? by(login).headers : {}) },
    }),
  );
  return sha256;
}
