import { FileUpload, HelperText, HelperTextItem } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import type { UploadedFile } from '../api/shapes';
import { upload } from '../api/upload';
import { bytes } from '../show/time';
import { TroubleNote } from '../show/Trouble';
import { useFormPlace } from './place';

interface FileFieldProps {
  id: string;
  help?: string;
  name: string;
  file: UploadedFile | null;
  /** Bytes that it may have. */
  most?: number | null;
  invalid?: boolean;
  change: (file: UploadedFile | null) => void;
}

/** A file, dragged here or picked, which is sent at once. */
export function FileField({ id, help, name, file, most = null, invalid = false, change }: FileFieldProps) {
  const { project } = useFormPlace();
  const aborted = useRef<AbortController | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const send = useMutation({
    mutationFn: (chosen: File) => {
      aborted.current = new AbortController();
      return upload(project, chosen, aborted.current.signal);
    },
    onSuccess: change,
  });
  useEffect(() => () => aborted.current?.abort(), []);

  const sending = send.isPending ? send.variables : null;
  return (
    <div className="sb-file">
      <FileUpload
        id={id}
        type="text"
        aria-describedby={help}
        filename={sending?.name ?? file?.name ?? ''}
        filenamePlaceholder="Drag a file here, or pick one"
        filenameAriaLabel={name}
        hideDefaultPreview
        isLoading={send.isPending}
        spinnerAriaValueText="Sending"
        browseButtonText="Pick a file"
        clearButtonText="Remove"
        validated={invalid ? 'error' : 'default'}
        onFileInputChange={(_event, chosen) => {
          change(null);
          if (most !== null && chosen.size > most) {
            setRefused(`${chosen.name} has ${bytes(chosen.size)}, and may have at most ${bytes(most)}.`);
          } else {
            setRefused(null);
            send.mutate(chosen);
          }
        }}
        onClearClick={() => {
          aborted.current?.abort();
          send.reset();
          setRefused(null);
          change(null);
        }}
      />
      <p className="sb-faint" role="status">
        {sending !== null
          ? `Sending ${bytes(sending.size)}…`
          : file !== null && (
              <>
                {bytes(file.size)}, kept as <code title={file.file}>{file.file.slice(0, 12)}</code>
              </>
            )}
      </p>
      {refused !== null && (
        <HelperText>
          <HelperTextItem variant="error">{refused}</HelperTextItem>
        </HelperText>
      )}
      {send.error !== null && <TroubleNote error={send.error} />}
    </div>
  );
}
