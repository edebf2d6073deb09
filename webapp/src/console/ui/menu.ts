// How drop-down menus look, for Base UI's parts.

export const menuPopup = 'max-h-(--available-height) overflow-y-auto rounded-xl border border-line bg-raised p-1.5 shadow-pop outline-none'
export const menuItem = 'flex min-h-9 max-cards:min-h-11 cursor-pointer items-center gap-2 rounded-lg px-3 py-1.5 outline-none select-none data-highlighted:bg-hover data-highlighted:outline-2 data-highlighted:-outline-offset-2 data-highlighted:outline-accent data-disabled:cursor-not-allowed data-disabled:text-muted'
export const menuLabel = 'flex px-3 pt-1.5 pb-1 text-xs font-semibold text-muted'
