import { Button, Modal, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import { useActions } from "../state/store";

/** Ask for a token where the server wants one. */
export function SignIn(): ReactNode {
  const { t } = useTranslation();
  const { signIn, fail } = useActions();
  const [token, setToken] = useState("");
  const [refused, setRefused] = useState("");
  const [busy, setBusy] = useState(false);

  async function send(): Promise<void> {
    setBusy(true);
    try {
      await signIn(token.trim());
    } catch (error) {
      if (error instanceof ProblemError) setRefused(error.message);
      else fail(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title={t("ui.sign_in")} centered>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <TextInput
          type="password"
          autoComplete="current-password"
          label={t("ui.token")}
          description={t("ui.token_help")}
          error={refused || null}
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
          data-autofocus
        />
        <Button type="submit" loading={busy} disabled={token.trim() === ""}>
          {t("ui.sign_in")}
        </Button>
      </form>
    </Modal>
  );
}
