import { surveyOf } from "./compose";
import { shifted, type Rect } from "./geometry";
import { clear, TooLargeError } from "./pictures";
import { flatten, isMask, isPicture } from "./render";
import { beginEdit, contextOf, surfaceOf, withSurface, type Scene } from "./tiles";

const MOST_PIXELS = 48 * 2 ** 20; // of a picture that is exported

/** Take the paint in a box off the masks that are shown. */
export function unmasked(scene: Scene, box: Rect): Scene {
  return scene.document.layers.filter((layer) => isMask(layer) && !layer.hidden && !layer.locked).reduce((held, layer) => {
    const edit = beginEdit(surfaceOf(held, layer.id), layer, 0);
    edit.draw(box, clear(box), true);
    return withSurface(held, layer.id, edit.surface);
  }, scene);
}

/** Give the part of an area that is not empty. :raises TooLargeError: for more than can be exported. */
export function trimmed(scene: Scene, area: Rect): Rect | null {
  const { width, height } = area;
  if (width * height > MOST_PIXELS) throw new TooLargeError("pixels");
  const { data } = contextOf(flatten(scene, area, isPicture)).getImageData(0, 0, width, height);
  const { bounds } = surveyOf(data, width, height, false);
  return bounds && shifted(bounds, area.x, area.y);
}
