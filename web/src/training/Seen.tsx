import { Modal, NativeSelect } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { DatasetImage } from "../api/wire.gen";
import { useSelect } from "../state/store";
import { sideOf } from "./base";

const SIDES = [64, 256, 512, 768, 1024] as const;

/** A picture as it came, beside what a model sees of it. */
export function Seen({ image, onClose }: { image: DatasetImage; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const chosen = useSelect(sideOf);
  const [resolution, setResolution] = useState(chosen);
  const [crop, setCrop] = useState<"center" | "random" | "square">("center");
  const sides = [...new Set([...SIDES, chosen])].sort((one, two) => one - two);
  const ask = new URLSearchParams({
    resolution: String(resolution), crop: crop === "random" ? "random" : "center",
    ...(crop === "square" ? { buckets: "false" } : {}), ...(resolution < 256 ? { step: "8" } : {}),
  });
  const seen = `${image.preview_url.split("?")[0] ?? ""}?${ask.toString()}`;
  return (
    <Modal opened onClose={onClose} size="xl" title={<bdi>{image.file}</bdi>} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="seen">
        <figure>
          <img src={image.url} alt={image.caption ?? image.file} />
          <figcaption className="quiet">{t("ui.dataset.as_it_came")} · {t("ui.size_of", { width: image.width, height: image.height })}</figcaption>
        </figure>
        <figure>
          <img src={seen} alt={t("ui.dataset.seen")} />
          <figcaption className="quiet">{t("ui.dataset.seen")}</figcaption>
        </figure>
      </div>
      <div className="pair">
        <NativeSelect
          label={t("ui.recipe.resolution")}
          value={String(resolution)}
          data={sides.map(String)}
          onChange={(event) => setResolution(Number(event.currentTarget.value))}
        />
        <NativeSelect
          label={t("ui.recipe.crop")}
          value={crop}
          onChange={(event) => setCrop(event.currentTarget.value as typeof crop)}
        >
          <option value="center">{t("ui.dataset.crop.center")}</option>
          <option value="random">{t("ui.dataset.crop.random")}</option>
          <option value="square">{t("ui.dataset.crop.square")}</option>
        </NativeSelect>
      </div>
    </Modal>
  );
}
