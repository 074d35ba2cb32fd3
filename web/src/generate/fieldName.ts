import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { FIELDS, type Field } from "./axes";

const PLACE = /^(loras|control|image_prompts)\[(\d+)\]\.(weight|start|end|model)$/;

/** Name a field that is varied in the reader's words; a place in a list by the model there. */
export function useFieldName(): (field: string) => string {
  const { t } = useTranslation();
  const draft = useSelect((state) => state.draft);
  return (field) => {
    if (field in FIELDS) return t(`ui.field.${field as Field}`);
    const place = PLACE.exec(field);
    if (!place) return field;
    const list = { loras: draft.loras, control: draft.control, image_prompts: draft.imagePrompts }[place[1] as "loras"];
    const name = list[Number(place[2])]?.model ?? place[2];
    return t(`ui.place.${place[3] as "weight" | "start" | "end" | "model"}`, { name });
  };
}
