import { ActionIcon, Button, Modal } from "@mantine/core";
import { useEffect, useMemo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys } from "../app/keys";
import { go, turn, type Page } from "../app/route";
import { directionOf } from "../i18n";
import type { Image } from "../api/wire.gen";
import type { State } from "../state/model";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Facts } from "./Facts";
import { around } from "./steps";

/** One picture as large as the window allows, what made it, and what to do with it. */
export function FullView({ page, id }: { page: Page; id: string }): ReactNode {
  const { t, i18n } = useTranslation();
  const { loadImage, star, trash } = useActions();
  const image = useSelect((state) => state.images[id]);
  const ids = useSelect((state) => listOf(state, page));
  const { before, after } = around(ids.split(" "), id);
  const unknown = image === undefined;
  useEffect(() => {
    if (unknown) loadImage(id);
  }, [unknown, id, loadImage]);
  const rtl = directionOf(i18n.language) === "rtl";
  const keys = useMemo(() => {
    function show(to: string | null): void {
      if (to !== null) turn(page, to);
    }
    function remove(): void {
      trash(id);
      if (after ?? before) show(after ?? before);
      else go(page);
    }
    return {
      arrowright: () => show(rtl ? before : after),
      arrowleft: () => show(rtl ? after : before),
      s: () => image && star(image),
      d: () => document.getElementById("download")?.click(),
      delete: remove,
    };
  }, [after, before, id, image, page, rtl, star, trash]);
  useKeys(keys);
  return (
    <Modal
      opened
      fullScreen
      onClose={() => go(page)}
      withCloseButton={false}
      padding={0}
      transitionProps={{ duration: 0 }}
      aria-label={image?.prompt ?? t("ui.picture")}
      classNames={{ body: "full", content: "full-content", header: "hidden" }}
      title={image?.prompt || t("ui.picture")}
    >
      <div className="full-stage">
        {image && (
          <img
            key={image.id}
            src={image.url}
            width={image.width}
            height={image.height}
            alt={image.prompt ?? t("ui.picture")}
          />
        )}
        <Turn side="previous" to={before} page={page} words={t("ui.previous")} />
        <Turn side="next" to={after} page={page} words={t("ui.next")} />
      </div>
      <aside className="full-side" aria-label={t("ui.details")}>
        <div className="full-bar">
          {image && <Bar image={image} onTrash={keys.delete} />}
          <ActionIcon variant="subtle" color="gray" size="lg" data-autofocus aria-label={t("ui.close")} title={t("ui.close")} onClick={() => go(page)}>
            <Icon name="close" />
          </ActionIcon>
        </div>
        {image && <Facts image={image} />}
        {image && <Reuse image={image} />}
      </aside>
    </Modal>
  );
}

/** Name the pictures that the arrows go through, joined so that equal lists are equal. */
function listOf(state: State, page: Page): string {
  if (page === "gallery") return state.gallery.ids.join(" ");
  const jobs = state.groups.flatMap((group) => group.jobs);
  return jobs.flatMap((job) => state.tiles[job]?.images ?? []).join(" ");
}

type TurnProps = { side: "previous" | "next"; to: string | null; page: Page; words: string };

function Turn({ side, to, page, words }: TurnProps): ReactNode {
  if (to === null) return null;
  return (
    <ActionIcon
      className={`turn turn-${side}`}
      variant="default"
      size="xl"
      aria-label={words}
      title={words}
      onClick={() => turn(page, to)}
    >
      <Icon name={side} />
    </ActionIcon>
  );
}

function Bar({ image, onTrash }: { image: Image; onTrash: () => void }): ReactNode {
  const { t } = useTranslation();
  const { star } = useActions();
  const starred = t(image.starred ? "ui.unstar" : "ui.star");
  return (
    <>
      <ActionIcon
        variant="subtle"
        color={image.starred ? "sun" : "gray"}
        size="lg"
        aria-pressed={image.starred}
        aria-label={starred}
        title={starred}
        onClick={() => star(image)}
      >
        <Icon name="star" filled={image.starred} />
      </ActionIcon>
      <ActionIcon
        id="download"
        component="a"
        href={image.url}
        download={`${image.id}.png`}
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={t("ui.download")}
        title={t("ui.download")}
      >
        <Icon name="download" />
      </ActionIcon>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("ui.delete")} title={t("ui.delete")} onClick={onTrash}>
        <Icon name="trash" />
      </ActionIcon>
      <span className="grow" />
    </>
  );
}

function Reuse({ image }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  const { takeSettings, takeSeed, beginWith } = useActions();
  return (
    <div className="stack full-reuse">
      {image.job !== null && (
        <Button
          onClick={() => {
            takeSettings(image);
            go("generate");
          }}
        >
          {t("ui.use_again")}
        </Button>
      )}
      {image.seed !== null && (
        <Button variant="default" onClick={() => takeSeed(image)}>
          {t("ui.use_seed")}
        </Button>
      )}
      <Button
        variant="default"
        onClick={() => {
          beginWith(image);
          go("generate");
        }}
      >
        {t("ui.use_init")}
      </Button>
    </div>
  );
}
