import type { Image } from "../api/wire.gen";
import { mostOfPicture } from "../state/limits";
import type { Tools } from "../state/tools";

/** What fields that hold a picture do: take one in. */
export function pictureActions({ http, send, run, toast, get, t }: Tools) {
  /** Take in a file; one that is larger than the server takes is not sent. */
  async function upload(file: File, then: (image: string) => void): Promise<void> {
    const most = mostOfPicture(get());
    if (file.size > most) {
      toast(t("ui.picture.too_large", { most: Math.floor(most / 2 ** 20) }), null, "error");
      return;
    }
    const image = await http<Image>("/uploads", { method: "POST", body: file });
    send({ type: "local.image", image });
    then(image.id);
  }

  return {
    upload: (file: File, then: (image: string) => void) => run(() => upload(file, then)),
  };
}
