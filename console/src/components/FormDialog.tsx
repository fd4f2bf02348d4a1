import { Form, type FormInstance } from 'antd'
import type { ReactNode } from 'react'
import { Dialog } from '../ui/Dialog'
import { FormError } from './FormError'

interface Props<T> {
  title: ReactNode
  /** The word on the button that sends it. */
  submit: string
  form?: FormInstance<T>
  initialValues?: Partial<T>
  onChange?: (changed: Partial<T>) => void
  onSubmit: (typed: T) => void
  onClose: () => void
  /** Why it was refused; the fields keep what was typed. */
  error?: unknown
  isBusy?: boolean
  isDisabled?: boolean
  isDanger?: boolean
  width?: number
  /** A prefix of the fields' ids. */
  name?: string
  afterOpen?: () => void
  children: ReactNode
}

/** A dialog with fields. Its button is within the form, so that Enter sends it from any field. */
export function FormDialog<T extends object>(props: Props<T>) {
  const { title, submit, form, initialValues, onChange, onSubmit, onClose, error, isBusy, isDisabled, isDanger, width = 460, name, afterOpen, children } = props
  return (
    <Dialog
      title={title}
      width={width}
      onCancel={onClose}
      okText={submit}
      okButtonProps={{ htmlType: 'submit', disabled: isDisabled, danger: isDanger, loading: isBusy }}
      afterOpenChange={(isOpen) => isOpen && afterOpen?.()}
      modalRender={(dialog) => (
        <Form<T> form={form} name={name} layout="vertical" requiredMark={false} initialValues={initialValues} onValuesChange={onChange} onFinish={onSubmit}>
          {dialog}
        </Form>
      )}
    >
      <FormError error={error} />
      {children}
    </Dialog>
  )
}
