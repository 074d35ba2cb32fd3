import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { go } from "../app/route";
import { useActions, useFeature } from "../state/store";
import { Icon } from "../ui/icons";
import { pictureActions } from "./pictureActions";

/** What may be taken from a picture, and what may be made of it. */
export function Reuse({ image }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  const { takeSettings, takeSeed, beginWith } = useActions();
  const { takePrompt, takeSize, takeImported, vary, upscale } = useFeature(pictureActions);
  const drawn = image.job !== null;
  return (
    <div className="stack full-reuse">
      {drawn && (
        <Button onClick={() => {
          takeSettings(image);
          go("generate");
        }}>
          {t("ui.use_again")}
        </Button>
      )}
      {!drawn && image.prompt !== null && <Button onClick={() => takeImported(image)}>{t("ui.use_again")}</Button>}
      <div className="reuse-parts">
        {image.prompt !== null && <Button variant="default" onClick={() => takePrompt(image)}>{t("ui.gallery.use_prompt")}</Button>}
        {image.seed !== null && <Button variant="default" onClick={() => takeSeed(image)}>{t("ui.use_seed")}</Button>}
        <Button variant="default" onClick={() => takeSize(image)}>{t("ui.gallery.use_size")}</Button>
        {image.seed !== null && drawn && (
          <Button variant="default" leftSection={<Icon name="variations" />} onClick={() => vary(image)}>{t("ui.gallery.vary")}</Button>
        )}
        <Button variant="default" leftSection={<Icon name="enlarge" />} onClick={() => upscale(image, 2)}>{t("ui.gallery.upscale")}</Button>
        <Button variant="default" leftSection={<Icon name="canvas" />} component="a" href={`#/canvas/${image.id}`}>{t("ui.gallery.to_canvas")}</Button>
        {drawn && (
          <Button variant="default" leftSection={<Icon name="workflow" />} component="a" href={`#/workflow/image/${image.id}`}>{t("ui.gallery.to_workflow")}</Button>
        )}
        {image.batch !== null && (
          <Button variant="default" leftSection={<Icon name="table" />} component="a" href={`#/gallery/batch/${image.batch}`}>{t("ui.gallery.to_batch")}</Button>
        )}
        <Button className="wide" variant="default" leftSection={<Icon name="image" />} onClick={() => {
          beginWith(image);
          go("generate");
        }}>
          {t("ui.use_init")}
        </Button>
      </div>
    </div>
  );
}
