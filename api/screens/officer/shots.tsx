// Photographs of a form: taken by the camera, kept at once, shown small.
import { useEffect, useState } from "preact/hooks";
import { fill } from "../shared/i18n";
import { Icon } from "../shared/icons";
import type { KeptPhoto } from "../shared/outbox";
import { draftOf, takeIn, takeOut } from "./acts";
import { own } from "./words";

const MOST = 9;

function Shot({ photo, onRemove, n }: { photo: KeptPhoto; onRemove: () => void; n: number }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(photo.blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [photo.id]);
  return (
    <li class="shot" data-photo={photo.id}>
      {url && <img src={url} alt={fill(own.value.photo, { n })} />}
      <button type="button" class="shot-remove" aria-label={fill(own.value.removePhoto, { n })} onClick={onRemove}><Icon name="close" /></button>
    </li>
  );
}

export function Shots({ form, phase, label }: { form: string; phase: KeptPhoto["phase"]; label: string }) {
  const text = own.value;
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const photos = draftOf(form).photos.filter((one) => one.phase === phase);
  const take = async (input: HTMLInputElement): Promise<void> => {
    if (!input.files?.length) return;
    if (draftOf(form).photos.length + input.files.length > MOST) return setWrong(text.tooMany);
    setBusy(true);
    const error = await takeIn(form, input.files, phase);
    setWrong(error && text[error]);
    setBusy(false);
    input.value = "";
  };
  return (
    <fieldset class="shots-field">
      <legend>{label}</legend>
      <ul class="shots">
        {photos.map((photo, n) => <Shot key={photo.id} photo={photo} n={n + 1} onRemove={() => void takeOut(form, photo.id)} />)}
        <li>
          <label class="shot-add"><Icon name="camera" /><span>{text.addPhoto}</span>
            <input class="visually-hidden" type="file" accept="image/*" capture="environment" data-photos={phase ?? "report"} onChange={(event) => void take(event.currentTarget)} /></label>
        </li>
      </ul>
      {busy && <p class="small" role="status">{text.taking}</p>}
      {wrong && <p class="note warn" role="alert">{wrong}</p>}
    </fieldset>
  );
}
